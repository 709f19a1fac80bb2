package org.iolaus.data;

import io.jhdf.Superblock;
import io.jhdf.WritableGroupImpl;
import io.jhdf.WritableHdfFile;
import io.jhdf.api.WritableGroup;
import io.jhdf.api.WritableNode;
import io.jhdf.storage.HdfFileChannel;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/// Writes an HDF5 file that appears under its name complete or not at all.
///
/// Datasets are contiguous, little-endian, and carry the CRC-32C of their bytes as attribute `crc32c`. Groups of a
/// path are made as needed. Nothing touches the disk before [#commit], and the arrays are not copied: they must not
/// change until then.
///
/// ```java
/// Hdf5Writer out = new Hdf5Writer(path); out.doubles("atoms/pos", positions, atoms,
/// 3).attribute("atoms/pos", "units", "Å"); out.commit();
/// ```
public final class Hdf5Writer {
    private final Path target;
    private final WritableGroupImpl root = new WritableGroupImpl(null, "/");
    private final Map<String, WritableNode> nodes = new HashMap<>();

    public Hdf5Writer(Path target) {
        Hdf5File.quietJhdf();
        this.target = target;
        nodes.put("", root);
    }

    /// A dataset of float64 with the sizes given; without sizes it is as long as the data.
    public Hdf5Writer doubles(String dataset, double[] data, int... shape) {
        return put(dataset, FlatDataset.Content.of(data), data.length, shape);
    }

    public Hdf5Writer longs(String dataset, long[] data, int... shape) {
        return put(dataset, FlatDataset.Content.of(data), data.length, shape);
    }

    public Hdf5Writer ints(String dataset, int[] data, int... shape) {
        return put(dataset, FlatDataset.Content.of(data), data.length, shape);
    }

    Hdf5Writer shorts(String dataset, short[] data) {
        return put(dataset, FlatDataset.Content.of(data), data.length, new int[0]);
    }

    public Hdf5Writer bytes(String dataset, byte[] data, int... shape) {
        return put(dataset, FlatDataset.Content.of(data), data.length, shape);
    }

    /// A list of strings, stored with the length of the longest.
    public Hdf5Writer strings(String dataset, List<String> data) {
        return put(dataset, FlatDataset.Content.of(data), data.size(), new int[0]);
    }

    /// One string.
    public Hdf5Writer string(String dataset, String text) {
        return strings(dataset, List.of(text));
    }

    /// A group, also an empty one.
    public Hdf5Writer group(String group) {
        groupOf(group);
        return this;
    }

    /// An attribute of a group or dataset written before.
    public Hdf5Writer attribute(String node, String name, String value) {
        return putAttribute(node, name, value);
    }

    public Hdf5Writer attribute(String node, String name, long value) {
        return putAttribute(node, name, value);
    }

    public Hdf5Writer attribute(String node, String name, double value) {
        return putAttribute(node, name, value);
    }

    /// Writes everything to a temporary file, waits until it is on disk and gives it its name, in place of an
    /// older file.
    public void commit() {
        Path temporary = target.resolveSibling(
                target.getFileName() + ".tmp" + ProcessHandle.current().pid());
        try {
            try (FileChannel channel = FileChannel.open(
                    temporary,
                    StandardOpenOption.READ,
                    StandardOpenOption.WRITE,
                    StandardOpenOption.CREATE,
                    StandardOpenOption.TRUNCATE_EXISTING)) {
                write(channel);
                channel.force(true);
            }
            Files.move(temporary, target, StandardCopyOption.ATOMIC_MOVE, StandardCopyOption.REPLACE_EXISTING);
            syncDirectoryOf(target);
        } catch (IOException | RuntimeException e) {
            try {
                Files.deleteIfExists(temporary);
            } catch (IOException suppressed) {
                e.addSuppressed(suppressed);
            }
            throw new DataException(target + ": cannot be written: " + e, e);
        }
    }

    private void write(FileChannel channel) throws IOException {
        Superblock.SuperblockV2V3 superblock = new Superblock.SuperblockV2V3();
        long end = root.write(new HdfFileChannel(channel, superblock), WritableHdfFile.ROOT_GROUP_ADDRESS);
        ByteBuffer head = superblock.toBuffer(end);
        while (head.hasRemaining()) {
            channel.write(head, head.position());
        }
        if (channel.size() < end) {
            throw new IOException("want " + end + " bytes on disk, got " + channel.size());
        }
    }

    private Hdf5Writer put(String dataset, FlatDataset.Content content, int length, int[] shape) {
        int[] sizes = shape.length == 0 ? new int[] {length} : shape.clone();
        long volume = 1;
        for (int size : sizes) {
            volume *= size;
        }
        if (volume != length) {
            throw new IllegalArgumentException(
                    where(dataset) + ": want " + volume + " values for its shape, got " + length);
        }
        int slash = dataset.lastIndexOf('/');
        WritableGroup group = groupOf(slash < 0 ? "" : dataset.substring(0, slash));
        if (nodes.containsKey(dataset)) {
            throw new IllegalArgumentException(where(dataset) + ": want a new name, got one written before");
        }
        FlatDataset node = new FlatDataset(content, sizes, dataset.substring(slash + 1), group);
        node.putAttribute(Hdf5File.CHECKSUM, node.checksum());
        group.putDataset(node.getName(), node);
        nodes.put(dataset, node);
        return this;
    }

    private WritableGroup groupOf(String path) {
        WritableNode known = nodes.get(path);
        if (known instanceof WritableGroup group) {
            return group;
        }
        if (known != null) {
            throw new IllegalArgumentException(where(path) + ": want a group, got a dataset");
        }
        int slash = path.lastIndexOf('/');
        WritableGroup made = groupOf(slash < 0 ? "" : path.substring(0, slash)).putGroup(path.substring(slash + 1));
        nodes.put(path, made);
        return made;
    }

    private Hdf5Writer putAttribute(String node, String name, Object value) {
        WritableNode known = nodes.get(node);
        if (known == null) {
            throw new IllegalArgumentException(where(node) + ": want a group or dataset written before, got nothing");
        }
        known.putAttribute(name, value);
        return this;
    }

    private String where(String node) {
        return target + ", " + (node.isEmpty() ? "/" : node);
    }

    /// A rename survives a power cut only when the directory has been written too.
    public static void syncDirectoryOf(Path file) throws IOException {
        Path parent = file.toAbsolutePath().getParent();
        try (FileChannel channel = FileChannel.open(parent == null ? file : parent, StandardOpenOption.READ)) {
            channel.force(true);
        }
    }
}
