package org.iolaus.data.state;

import java.io.BufferedInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Collections;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.SortedMap;
import java.util.SortedSet;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.zip.CRC32;
import java.util.zip.ZipEntry;
import java.util.zip.ZipFile;
import org.iolaus.data.DataException;
import org.iolaus.tensor.HostTensor;
import org.jspecify.annotations.Nullable;

/// A file that `torch.save` wrote: a zip archive of `NAME/data.pkl`, which says what there is ([TorchPickle]), and
/// `NAME/data/KEY`, the bytes of each storage. Tensors may share storages, begin anywhere in them and have any strides.
///
/// The older format without zip (PyTorch before 1.6) and TorchScript are refused.
final class TorchFile implements StateDict {
    private static final int LARGEST_PICKLE = 1 << 28;
    private static final int DEEPEST = 64;
    private static final int MOST_NAMES = 1_000_000;

    private final Path path;
    private final ZipFile zip;
    private final String root;
    private final ByteOrder order;
    private final SortedMap<String, Info> arrays = new TreeMap<>();
    private final Map<String, String> others = new TreeMap<>();
    private final SortedSet<String> dictionaries = new TreeSet<>();
    private final Map<String, TorchPickle.Tensor> tensors = new HashMap<>();
    private final Set<String> checked = new HashSet<>();

    TorchFile(Path path) {
        this.path = path;
        try {
            this.zip = new ZipFile(path.toFile());
        } catch (IOException e) {
            throw new DataException(
                    path + ": want a whole zip archive of torch.save, got a damaged or truncated one (" + e.getMessage()
                            + ")",
                    e);
        }
        try {
            this.root = root();
            this.order = order();
            flatten("", TorchPickle.read(bytes("data.pkl"), path + ", data.pkl"), 0);
        } catch (IOException | RuntimeException e) {
            close();
            throw e instanceof DataException known
                    ? known
                    : new DataException(path + ": want a file of torch.save, got a damaged one (" + e + ")", e);
        }
    }

    /// The folder that everything is in.
    private String root() {
        List<String> pickles = zip.stream()
                .map(ZipEntry::getName)
                .filter(name -> name.matches("[^/]+/data\\.pkl"))
                .toList();
        if (pickles.size() != 1) {
            throw new DataException(path + ": want an archive of torch.save with one data.pkl, got " + pickles.size());
        }
        String folder = pickles.getFirst().replace("data.pkl", "");
        if (zip.getEntry(folder + "constants.pkl") != null) {
            throw new DataException(path + ": want a file of torch.save, got TorchScript (torch.jit.save); save "
                    + "torch.jit.load(...).state_dict() with torch.save");
        }
        return folder;
    }

    private ByteOrder order() throws IOException {
        if (zip.getEntry(root + "byteorder") == null) {
            return ByteOrder.LITTLE_ENDIAN;
        }
        String text = new String(bytes("byteorder"), StandardCharsets.US_ASCII);
        return switch (text) {
            case "little" -> ByteOrder.LITTLE_ENDIAN;
            case "big" -> ByteOrder.BIG_ENDIAN;
            default -> throw new DataException(path + ", byteorder: want little or big, got " + text);
        };
    }

    private byte[] bytes(String name) throws IOException {
        try (InputStream in = zip.getInputStream(entry(name))) {
            byte[] bytes = in.readNBytes(LARGEST_PICKLE + 1);
            if (bytes.length > LARGEST_PICKLE) {
                throw new DataException(path + ", " + name + ": want at most " + LARGEST_PICKLE + " bytes, got more");
            }
            requireSum(name, bytes);
            return bytes;
        }
    }

    private ZipEntry entry(String name) {
        ZipEntry entry = zip.getEntry(root + name);
        if (entry == null) {
            throw new DataException(path + ": want the record " + root + name + ", got none");
        }
        return entry;
    }

    private void requireSum(String name, byte[] bytes) {
        CRC32 sum = new CRC32();
        sum.update(bytes);
        requireSum(name, sum);
    }

    /// PyTorch may leave sums out; they are 0 then.
    private void requireSum(String name, CRC32 sum) {
        long want = entry(name).getCrc();
        if (want > 0 && want != sum.getValue()) {
            throw new DataException(path + ", " + name
                    + ": want CRC-32 %08x, got %08x: the file is damaged".formatted(want, sum.getValue()));
        }
    }

    private void flatten(String name, @Nullable Object value, int depth) {
        if (depth > DEEPEST || arrays.size() + others.size() > MOST_NAMES) {
            throw new DataException(path + ", " + name + ": want dictionaries at most " + DEEPEST
                    + " deep with at most " + MOST_NAMES + " names, got more");
        }
        String prefix = name.isEmpty() ? "" : name + ".";
        switch (value) {
            case TorchPickle.Tensor tensor -> {
                arrays.put(name, info(name, tensor));
                tensors.put(name, tensor);
            }
            case Map<?, ?> entries
            when !entries.isEmpty() || name.isEmpty() -> {
                if (entries.values().stream().anyMatch(TorchPickle.Tensor.class::isInstance)) {
                    dictionaries.add(name);
                }
                entries.forEach((key, each) -> flatten(prefix + key, each, depth + 1));
            }
            case List<?> list when !list.isEmpty() -> elements(prefix, list, depth);
            case Object[] tuple when tuple.length > 0 -> elements(prefix, Arrays.asList(tuple), depth);
            case null, default -> others.put(name, TorchPickle.kind(value));
        }
    }

    private void elements(String prefix, List<?> list, int depth) {
        for (int i = 0; i < list.size(); i++) {
            flatten(prefix + i, list.get(i), depth + 1);
        }
    }

    private Info info(String name, TorchPickle.Tensor tensor) {
        int[] shape = new int[tensor.shape().size()];
        long volume = 1;
        for (int i = 0; i < shape.length; i++) {
            long extent = tensor.shape().get(i);
            volume = extent < 0 || extent > Integer.MAX_VALUE ? -1 : volume * extent;
            if (volume < 0 || volume > Integer.MAX_VALUE) {
                throw new DataException(path + ", " + name + ": want a shape of at most " + Integer.MAX_VALUE
                        + " numbers, got " + tensor.shape());
            }
            shape[i] = (int) extent;
        }
        return new Info(tensor.type(), shape);
    }

    @Override
    public String file() {
        return path.toString();
    }

    @Override
    public SortedMap<String, Info> arrays() {
        return Collections.unmodifiableSortedMap(arrays);
    }

    @Override
    public Map<String, String> others() {
        return Collections.unmodifiableMap(others);
    }

    @Override
    public SortedSet<String> dictionaries() {
        return Collections.unmodifiableSortedSet(dictionaries);
    }

    @Override
    public HostTensor read(String name) {
        Info info = readable(name);
        TorchPickle.Tensor tensor = Objects.requireNonNull(tensors.get(name));
        try {
            return new HostTensor(info.shape(), values(name, info, tensor));
        } catch (IOException e) {
            throw new DataException(path + ", " + name + ": cannot be read: " + e.getMessage(), e);
        }
    }

    private double[] values(String name, Info info, TorchPickle.Tensor tensor) throws IOException {
        int count = (int) HostTensor.volume(info.shape());
        if (count == 0) {
            return new double[0];
        }
        long last = tensor.offset();
        boolean negative = tensor.offset() < 0;
        for (int i = 0; i < info.shape().length; i++) {
            long stride = tensor.strides().get(i);
            negative |= stride < 0;
            last = Math.addExact(last, Math.multiplyExact(stride, info.shape()[i] - 1));
        }
        String record = "data/" + tensor.storage().key();
        long bytes = entry(record).getSize();
        long held = bytes / info.type().bytes();
        if (negative || last >= held) {
            throw new DataException(path + ", " + name + ": want numbers " + tensor.offset() + " to " + last + " of "
                    + record + ", got a record of " + held + " numbers");
        }
        NumberType stored = tensor.storage().type();
        long claimed = tensor.storage().count() * (stored == null ? 1 : stored.bytes());
        if (claimed != bytes || (stored != null && stored != info.type())) {
            throw new DataException(path + ", " + name + ": want " + record + " of " + claimed + " bytes of " + stored
                    + ", got " + bytes + " bytes of " + info.type());
        }
        check(record);
        int span = Math.toIntExact(last - tensor.offset() + 1);
        try (InputStream in = new BufferedInputStream(zip.getInputStream(entry(record)))) {
            in.skipNBytes(tensor.offset() * info.type().bytes());
            double[] run = info.type().decode(in, span, order);
            return gather(run, info.shape(), tensor.strides(), count);
        }
    }

    /// The first time that a record is used, compares its sum.
    private void check(String record) throws IOException {
        if (checked.add(record)) {
            CRC32 sum = new CRC32();
            try (InputStream in = zip.getInputStream(entry(record))) {
                byte[] piece = new byte[1 << 20];
                for (int n = in.read(piece); n >= 0; n = in.read(piece)) {
                    sum.update(piece, 0, n);
                }
            }
            requireSum(record, sum);
        }
    }

    /// The numbers in row-major order.
    private static double[] gather(double[] run, int[] shape, List<Long> strides, int count) {
        boolean dense = run.length == count;
        long next = 1;
        for (int i = shape.length - 1; dense && i >= 0; i--) {
            dense = shape[i] == 1 || strides.get(i) == next;
            next *= shape[i];
        }
        if (dense) {
            return run;
        }
        double[] values = new double[count];
        int[] at = new int[shape.length];
        long from = 0;
        for (int i = 0; i < count; i++) {
            values[i] = run[(int) from];
            for (int axis = shape.length - 1; axis >= 0; axis--) {
                from += strides.get(axis);
                if (++at[axis] < shape[axis]) {
                    break;
                }
                from -= strides.get(axis) * shape[axis];
                at[axis] = 0;
            }
        }
        return values;
    }

    @Override
    public void close() {
        try {
            zip.close();
        } catch (IOException e) {
            throw new DataException(path + ": cannot be closed: " + e, e);
        }
    }
}
