package org.iolaus.data.read;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.stream.Collectors;
import java.util.zip.ZipEntry;
import java.util.zip.ZipOutputStream;

/// Writes `.npz` files for tests, byte by byte after NumPy's description of the format.
final class NpzFile {
    private final Map<String, byte[]> arrays = new LinkedHashMap<>();

    /// Adds an array whose values are given in the order in which they are stored.
    NpzFile put(String name, String descr, boolean fortran, int[] shape, double... stored) {
        String sizes = Arrays.stream(shape).mapToObj(n -> n + ",").collect(Collectors.joining(" "));
        String header = "{'descr': '%s', 'fortran_order': %s, 'shape': (%s), }"
                .formatted(
                        descr,
                        fortran ? "True" : "False",
                        shape.length > 1 ? sizes.substring(0, sizes.length() - 1) : sizes);
        int padded = (header.length() + 11 + 63) / 64 * 64 - 10;
        ByteOrder order = descr.startsWith(">") ? ByteOrder.BIG_ENDIAN : ByteOrder.LITTLE_ENDIAN;
        ByteBuffer bytes = ByteBuffer.allocate(10 + padded + 8 * stored.length).order(ByteOrder.LITTLE_ENDIAN);
        bytes.put((byte) 0x93)
                .put("NUMPY".getBytes(StandardCharsets.US_ASCII))
                .put((byte) 1)
                .put((byte) 0);
        bytes.putShort((short) padded);
        bytes.put((header + " ".repeat(padded - 1 - header.length()) + "\n").getBytes(StandardCharsets.US_ASCII));
        bytes.order(order);
        for (double x : stored) {
            switch (descr.substring(1)) {
                case "f8" -> bytes.putDouble(x);
                case "f4" -> bytes.putFloat((float) x);
                case "f2" -> bytes.putShort(Float.floatToFloat16((float) x));
                case "i8", "u8" -> bytes.putLong((long) x);
                case "i4", "u4" -> bytes.putInt((int) (long) x);
                case "i2", "u2" -> bytes.putShort((short) x);
                default -> bytes.put((byte) x);
            }
        }
        arrays.put(name, Arrays.copyOf(bytes.array(), bytes.position()));
        return this;
    }

    NpzFile put(String name, int[] shape, double... stored) {
        return put(name, "<f8", false, shape, stored);
    }

    byte[] bytes() {
        var out = new ByteArrayOutputStream();
        try (var zip = new ZipOutputStream(out)) {
            for (Map.Entry<String, byte[]> array : arrays.entrySet()) {
                zip.putNextEntry(new ZipEntry(array.getKey() + ".npy"));
                zip.write(array.getValue());
            }
        } catch (IOException e) {
            throw new IllegalStateException(e);
        }
        return out.toByteArray();
    }

    Path write(Path file) throws IOException {
        return Files.write(file, bytes());
    }
}
