package org.iolaus.data;

import io.jhdf.HdfFile;
import io.jhdf.api.Attribute;
import io.jhdf.api.Dataset;
import io.jhdf.api.Group;
import io.jhdf.api.Node;
import io.jhdf.api.dataset.ContiguousDataset;
import io.jhdf.exceptions.HdfInvalidPathException;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.reflect.Array;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.function.Predicate;
import java.util.function.Supplier;
import java.util.logging.Level;
import java.util.logging.Logger;
import java.util.zip.CRC32C;
import org.jspecify.annotations.Nullable;

/// An HDF5 file open for reading, or the bytes of one.
///
/// Paths are written `group/dataset`, the root group is the empty string. Arrays come flat, row-major, with the
/// shape asked for separately; a scalar has shape `()`. Whatever goes wrong is a [DataException] that names file and
/// dataset. [Hdf5Writer] is the other direction.
public final class Hdf5File implements AutoCloseable {
    /// The attribute that holds the CRC-32C of a dataset's bytes as they lie in the file.
    static final String CHECKSUM = "crc32c";

    private static final Logger JHDF = Logger.getLogger("io.jhdf");

    private final String name;
    private final @Nullable Path path;
    private final HdfFile file;

    private Hdf5File(String name, @Nullable Path path, HdfFile file) {
        this.name = name;
        this.path = path;
        this.file = file;
    }

    /// Opens a file; a file shorter than its own header says is refused here.
    public static Hdf5File open(Path path) {
        quietJhdf();
        if (!Files.isRegularFile(path)) {
            throw new DataException(path + ": want an HDF5 file, got " + (Files.exists(path) ? "no file" : "nothing"));
        }
        HdfFile file = guard(path + ": want an HDF5 file", () -> new HdfFile(path));
        try {
            long expected = file.getHdfBackingStorage().getSuperblock().getEndOfFileAddress();
            long actual = file.size();
            if (actual < expected) {
                throw new DataException(
                        path + ": want " + expected + " bytes, got " + actual + ": the file is truncated");
            }
            return new Hdf5File(path.toString(), path, file);
        } catch (RuntimeException e) {
            file.close();
            throw e;
        }
    }

    /// Reads a file from memory; `name` is what messages call it.
    public static Hdf5File of(byte[] bytes, String name) {
        quietJhdf();
        HdfFile file = guard(name + ": want the bytes of an HDF5 file", () -> HdfFile.fromBytes(bytes));
        return new Hdf5File(name, null, file);
    }

    /// What messages call this file.
    public String name() {
        return name;
    }

    /// Whether there is a group or dataset of this path.
    public boolean exists(String node) {
        return find(node) != null;
    }

    /// Whether there is a group of this path.
    public boolean isGroup(String node) {
        Node found = find(node);
        return found != null && found.isGroup();
    }

    /// Names of the groups directly in a group, sorted.
    public List<String> groups(String group) {
        return children(group, Node::isGroup);
    }

    /// Names of the datasets directly in a group, sorted.
    public List<String> datasets(String group) {
        return children(group, node -> !node.isGroup());
    }

    /// The sizes of a dataset; `()` for a scalar.
    public int[] shape(String dataset) {
        Dataset found = dataset(dataset);
        return guard(where(dataset) + ": want a shape that fits an array", found::getDimensions);
    }

    /// The Java type that a dataset's values are read as: `double`, `float`, `long`, `String` and so on.
    public Class<?> javaType(String dataset) {
        Dataset found = dataset(dataset);
        return guard(
                where(dataset) + ": want a type that can be read",
                () -> found.getDataType().getJavaType());
    }

    /// All values of a numeric dataset, flat; integers are widened.
    public double[] doubles(String dataset) {
        Object data = data(dataset);
        return switch (data) {
            case double[] values -> values;
            case float[] _, long[] _, int[] _, short[] _, byte[] _ -> {
                double[] values = new double[Array.getLength(data)];
                for (int i = 0; i < values.length; i++) {
                    values[i] = Array.getDouble(data, i);
                }
                yield values;
            }
            default -> throw wrongType(dataset, "numbers", data);
        };
    }

    /// All values of an integer dataset, flat.
    public long[] longs(String dataset) {
        Object data = data(dataset);
        return switch (data) {
            case long[] values -> values;
            case int[] _, short[] _, byte[] _ -> {
                long[] values = new long[Array.getLength(data)];
                for (int i = 0; i < values.length; i++) {
                    values[i] = Array.getLong(data, i);
                }
                yield values;
            }
            default -> throw wrongType(dataset, "integers", data);
        };
    }

    /// All values of an integer dataset, flat; values beyond 32 bits are an error.
    public int[] ints(String dataset) {
        if (data(dataset) instanceof int[] values) {
            return values;
        }
        long[] wide = longs(dataset);
        int[] values = new int[wide.length];
        for (int i = 0; i < wide.length; i++) {
            values[i] = (int) wide[i];
            if (values[i] != wide[i]) {
                throw new DataException(where(dataset) + ": want 32-bit integers, got " + wide[i]);
            }
        }
        return values;
    }

    /// All values of an integer dataset, flat, in an array of their own type.
    Object integers(String dataset) {
        Object data = data(dataset);
        if (data instanceof byte[] || data instanceof short[] || data instanceof int[] || data instanceof long[]) {
            return data;
        }
        throw wrongType(dataset, "integers", data);
    }

    /// All values of a dataset of bytes, flat.
    public byte[] bytes(String dataset) {
        Object data = data(dataset);
        if (data instanceof byte[] values) {
            return values;
        }
        throw wrongType(dataset, "bytes", data);
    }

    /// All strings of a dataset, flat, of fixed or variable length.
    public List<String> strings(String dataset) {
        Object data = data(dataset);
        if (data instanceof Object[] values && Arrays.stream(values).allMatch(String.class::isInstance)) {
            return Arrays.stream(values).map(String.class::cast).toList();
        }
        throw wrongType(dataset, "strings", data);
    }

    /// The only string of a dataset.
    public String string(String dataset) {
        List<String> strings = strings(dataset);
        if (strings.size() != 1) {
            throw new DataException(where(dataset) + ": want one string, got " + strings.size());
        }
        return strings.getFirst();
    }

    /// The only number of a dataset.
    public double scalar(String dataset) {
        double[] values = doubles(dataset);
        if (values.length != 1) {
            throw new DataException(where(dataset) + ": want one number, got " + values.length);
        }
        return values[0];
    }

    /// Whether a group or dataset has an attribute.
    public boolean hasAttribute(String node, String attribute) {
        return guard(where(node) + ": want attributes", () -> node(node).getAttribute(attribute)) != null;
    }

    public String stringAttribute(String node, String attribute) {
        if (attribute(node, attribute) instanceof String text) {
            return text;
        }
        throw wrongAttribute(node, attribute, "a string");
    }

    public long longAttribute(String node, String attribute) {
        Object value = attribute(node, attribute);
        if (value instanceof Long || value instanceof Integer || value instanceof Short || value instanceof Byte) {
            return ((Number) value).longValue();
        }
        throw wrongAttribute(node, attribute, "an integer");
    }

    public double doubleAttribute(String node, String attribute) {
        if (attribute(node, attribute) instanceof Number number) {
            return number.doubleValue();
        }
        throw wrongAttribute(node, attribute, "a number");
    }

    /// The bytes of a contiguous dataset, little-endian, mapped: only pages that are touched are read. The
    /// segment may be larger than an array and lives as long as the arena, also after this file is closed.
    public MemorySegment map(String dataset, Arena arena) {
        Dataset found = dataset(dataset);
        if (!(found instanceof ContiguousDataset contiguous)) {
            throw new DataException(where(dataset) + ": want a contiguous dataset, got "
                    + found.getDataLayout().toString().toLowerCase(Locale.ROOT));
        }
        if (contiguous.isEmpty() || found.getSize() == 0) {
            return MemorySegment.NULL;
        }
        if (path == null) {
            return MemorySegment.ofBuffer(contiguous.getBuffer());
        }
        long start = contiguous.getDataAddress() + file.getUserBlockSize();
        long size = found.getSizeInBytes();
        long end = file.size();
        if (start < 0 || size < 0 || start > end - size) {
            throw new DataException(where(dataset) + ": want bytes " + start + " to " + (start + size)
                    + ", got a file of " + end + " bytes");
        }
        try (FileChannel channel = FileChannel.open(path, StandardOpenOption.READ)) {
            return channel.map(FileChannel.MapMode.READ_ONLY, start, size, arena);
        } catch (IOException e) {
            throw new DataException(where(dataset) + ": cannot be mapped: " + e.getMessage(), e);
        }
    }

    /// Whether [Hdf5Writer] left a checksum with this dataset.
    public boolean hasChecksum(String dataset) {
        return hasAttribute(dataset, CHECKSUM);
    }

    /// Compares the bytes of a dataset with the CRC-32C written with it.
    public void verify(String dataset) {
        try (Arena arena = Arena.ofConfined()) {
            verify(dataset, map(dataset, arena));
        }
    }

    /// The same for a dataset that is mapped already.
    public void verify(String dataset, MemorySegment mapped) {
        long expected = longAttribute(dataset, CHECKSUM);
        long actual = checksum(mapped);
        if (actual != expected) {
            throw new DataException("%s: want CRC-32C %08x, got %08x: the data are damaged"
                    .formatted(where(dataset), expected, actual));
        }
    }

    /// Paths of all datasets of the file, sorted within each group.
    public List<String> allDatasets() {
        List<String> found = new ArrayList<>();
        collect("", found);
        return found;
    }

    @Override
    public void close() {
        file.close();
    }

    private void collect(String group, List<String> into) {
        String prefix = group.isEmpty() ? "" : group + "/";
        datasets(group).forEach(child -> into.add(prefix + child));
        groups(group).forEach(child -> collect(prefix + child, into));
    }

    private static long checksum(MemorySegment bytes) {
        CRC32C crc = new CRC32C();
        long piece = 1 << 30;
        for (long at = 0; at < bytes.byteSize(); at += piece) {
            crc.update(bytes.asSlice(at, Math.min(piece, bytes.byteSize() - at)).asByteBuffer());
        }
        return crc.getValue();
    }

    private @Nullable Node find(String node) {
        if (node.isEmpty()) {
            return file;
        }
        return guard(where(node) + ": want a readable entry", () -> {
            try {
                return file.getByPath(node);
            } catch (HdfInvalidPathException e) {
                return null;
            }
        });
    }

    private Node node(String node) {
        Node found = find(node);
        if (found == null) {
            throw new DataException(where(node) + ": want a group or dataset, got nothing");
        }
        return found;
    }

    private Dataset dataset(String dataset) {
        if (node(dataset) instanceof Dataset found) {
            return found;
        }
        throw new DataException(where(dataset) + ": want a dataset, got a group");
    }

    private List<String> children(String group, Predicate<Node> wanted) {
        if (!(node(group) instanceof Group found)) {
            throw new DataException(where(group) + ": want a group, got a dataset");
        }
        return guard(
                where(group) + ": want a readable group",
                () -> found.getChildren().values().stream()
                        .filter(wanted)
                        .map(Node::getName)
                        .sorted()
                        .toList());
    }

    private Object data(String dataset) {
        Dataset found = dataset(dataset);
        String problem = where(dataset) + ": want readable data";
        if (found instanceof ContiguousDataset contiguous && !contiguous.isEmpty()) {
            long end = contiguous.getDataAddress() + file.getUserBlockSize() + found.getSizeInBytes();
            if (end > file.size()) {
                throw new DataException(problem + " up to byte " + end + ", got a file of " + file.size() + " bytes");
            }
        }
        return guard(problem, () -> {
            if (found.getSize() == 0) {
                return Array.newInstance(found.getDataType().getJavaType(), 0);
            }
            return found.getDataFlat();
        });
    }

    private Object attribute(String node, String attribute) {
        Node found = node(node);
        return guard(where(node) + ": want attribute " + attribute, () -> {
            Attribute value = found.getAttribute(attribute);
            if (value == null) {
                throw new DataException(where(node) + ": want attribute " + attribute + ", got none");
            }
            Object data = value.getData();
            return data.getClass().isArray() && Array.getLength(data) == 1 ? Array.get(data, 0) : data;
        });
    }

    private String where(String node) {
        return name + ", " + (node.isEmpty() ? "/" : node);
    }

    private DataException wrongType(String dataset, String want, Object got) {
        return new DataException(where(dataset) + ": want " + want + ", got "
                + got.getClass().getSimpleName().replace("[]", ""));
    }

    private DataException wrongAttribute(String node, String attribute, String want) {
        return new DataException(
                where(node) + ", attribute " + attribute + ": want " + want + ", got " + attribute(node, attribute));
    }

    /// A damaged file makes the library fail in many ways, unchecked ones among them: all mean the same to the user.
    private static <T extends @Nullable Object> T guard(String want, Supplier<T> read) {
        try {
            return read.get();
        } catch (DataException e) {
            throw e;
        } catch (RuntimeException e) {
            throw new DataException(want + ", got damaged or foreign content (" + e.getMessage() + ")", e);
        }
    }

    /// The library logs every access; what matters reaches us as exceptions.
    static void quietJhdf() {
        JHDF.setLevel(Level.OFF);
    }
}
