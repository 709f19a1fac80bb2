package org.iolaus.data.state;

import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.HexFormat;
import org.iolaus.data.DataException;
import org.iolaus.data.Hdf5File;

/// Opens files of arrays by name; the format is told from the first bytes.
public final class StateDicts {
    private static final byte[] ZIP = {'P', 'K', 3, 4};
    private static final byte[] HDF5 = {(byte) 0x89, 'H', 'D', 'F'};
    private static final byte PICKLE = (byte) 0x80;
    private static final int JSON = 8;

    private StateDicts() {}

    /// Opens a file of `torch.save`, safetensors or HDF5.
    ///
    /// @throws DataException if it is none of them, or damaged
    public static StateDict open(Path path) {
        byte[] head = head(path);
        if (startsWith(head, ZIP)) {
            return new TorchFile(path);
        }
        if (startsWith(head, HDF5)) {
            return StateDict.of(Hdf5File.open(path));
        }
        if (head.length > 0 && head[0] == PICKLE) {
            throw new DataException(path + ": want the zip format of torch.save, got the format of PyTorch before 1.6; "
                    + "torch.save(torch.load(...), ...) in a newer PyTorch writes it anew");
        }
        if (head.length > JSON && head[JSON] == '{') {
            return new SafeTensorsFile(path);
        }
        throw new DataException(path + ": want a file of torch.save, safetensors or HDF5, got one that begins with "
                + HexFormat.of().formatHex(head));
    }

    private static byte[] head(Path path) {
        if (!Files.isRegularFile(path)) {
            throw new DataException(
                    path + ": want a file of arrays, got " + (Files.exists(path) ? "no file" : "nothing"));
        }
        try (InputStream in = Files.newInputStream(path)) {
            return in.readNBytes(JSON + 1);
        } catch (IOException e) {
            throw new DataException(path + ": cannot be read: " + e, e);
        }
    }

    private static boolean startsWith(byte[] head, byte[] signature) {
        return head.length >= signature.length
                && Arrays.equals(head, 0, signature.length, signature, 0, signature.length);
    }
}
