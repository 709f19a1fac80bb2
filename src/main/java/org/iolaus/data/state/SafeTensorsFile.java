package org.iolaus.data.state;

import java.io.BufferedInputStream;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.Channels;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.Collections;
import java.util.Comparator;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.SortedMap;
import java.util.SortedSet;
import java.util.TreeMap;
import java.util.TreeSet;
import org.iolaus.data.DataException;
import org.iolaus.tensor.HostTensor;
import tools.jackson.core.StreamReadFeature;
import tools.jackson.databind.DeserializationFeature;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/// A safetensors file: the length of a header (8 bytes, little-endian), the header (JSON), the numbers of all
/// arrays one after another. The arrays must fill what follows the header without gap or overlap.
///
/// Source: Hugging Face's description of the format.
public final class SafeTensorsFile implements StateDict {
    /// The format's own limit.
    private static final long LARGEST_HEADER = 100_000_000;

    private static final JsonMapper MAPPER = JsonMapper.builder()
            .enable(StreamReadFeature.STRICT_DUPLICATE_DETECTION)
            .enable(DeserializationFeature.FAIL_ON_TRAILING_TOKENS)
            .build();

    private final Path path;
    private final FileChannel channel;
    private final long start;
    private final SortedMap<String, Info> arrays = new TreeMap<>();
    private final Map<String, Long> offsets = new HashMap<>();

    /// What a header says of an array.
    ///
    /// @param type as the file calls it: `F32`
    /// @param begin offset of the first byte after the header, `end` that of the first byte after the array
    private record Entry(String name, String type, List<Long> shape, long begin, long end) {}

    /// Opens a file.
    ///
    /// @throws DataException if the file is something else, truncated, or contradicts itself
    public SafeTensorsFile(Path path) {
        this.path = path;
        try {
            this.channel = FileChannel.open(path, StandardOpenOption.READ);
        } catch (IOException e) {
            throw new DataException(path + ": cannot be read: " + e, e);
        }
        try {
            long size = channel.size();
            long length = size < Long.BYTES ? -1 : read(0, Long.BYTES).getLong();
            if (length < 2 || length > Math.min(LARGEST_HEADER, size - Long.BYTES)) {
                throw new DataException(path + ": want a safetensors header within the file's " + size
                        + " bytes, got one of " + length + " bytes: the file is truncated or something else");
            }
            start = Long.BYTES + length;
            String text = StandardCharsets.UTF_8
                    .decode(read(Long.BYTES, (int) length))
                    .toString();
            fill(entries(text), size - start);
        } catch (IOException | RuntimeException e) {
            close();
            throw e instanceof DataException known
                    ? known
                    : new DataException(path + ": want a safetensors file, got a damaged one: " + e.getMessage(), e);
        }
    }

    private static List<Entry> entries(String header) {
        List<Entry> entries = new ArrayList<>();
        MAPPER.readTree(header).properties().forEach(property -> {
            String name = property.getKey();
            JsonNode array = property.getValue();
            if (!name.equals("__metadata__")) {
                List<Long> offsets = wholeNumbers(name, array, "data_offsets");
                if (offsets.size() != 2) {
                    throw new IllegalArgumentException(name + ", data_offsets: want two numbers, got " + offsets);
                }
                String type = array.required("dtype").stringValue();
                List<Long> shape = wholeNumbers(name, array, "shape");
                entries.add(new Entry(name, type, shape, offsets.get(0), offsets.get(1)));
            }
        });
        return entries;
    }

    private static List<Long> wholeNumbers(String name, JsonNode array, String key) {
        JsonNode list = array.path(key);
        if (!list.isArray() || !list.valueStream().allMatch(JsonNode::isIntegralNumber)) {
            throw new IllegalArgumentException(name + ", " + key + ": want a list of whole numbers, got " + list);
        }
        return list.valueStream().map(JsonNode::longValue).toList();
    }

    private void fill(List<Entry> entries, long size) {
        long at = 0;
        String before = "the header";
        Comparator<Entry> order = Comparator.comparingLong(Entry::begin).thenComparingLong(Entry::end);
        for (Entry entry : entries.stream().sorted(order).toList()) {
            String where = path + ", " + entry.name();
            Info info = info(where, entry);
            if (entry.begin() != at) {
                throw new DataException(where + ": want it to begin where " + before + " ends, at byte " + at + ", got "
                        + entry.begin() + (entry.begin() < at ? ": arrays overlap" : ": there is a gap"));
            }
            if (entry.end() > size) {
                throw new DataException(where + ": want bytes up to " + entry.end() + " after the header, got " + size
                        + ": the file is truncated");
            }
            arrays.put(entry.name(), info);
            offsets.put(entry.name(), entry.begin());
            at = entry.end();
            before = entry.name();
        }
        if (at != size) {
            throw new DataException(path + ": want " + at + " bytes after the header, got " + size);
        }
    }

    private static Info info(String where, Entry entry) {
        NumberType type = NumberType.ofName(entry.type())
                .orElseThrow(() -> new DataException(
                        where + ": want numbers of a known type, such as F32 or BF16, got " + entry.type()));
        int[] shape = new int[entry.shape().size()];
        long volume = 1;
        for (int i = 0; i < shape.length; i++) {
            long extent = entry.shape().get(i);
            volume = extent < 0 || extent > Integer.MAX_VALUE ? -1 : volume * extent;
            if (volume < 0 || volume > Integer.MAX_VALUE) {
                throw new DataException(
                        where + ": want a shape of at most " + Integer.MAX_VALUE + " numbers, got " + entry.shape());
            }
            shape[i] = (int) extent;
        }
        if (entry.begin() < 0 || entry.end() - entry.begin() != volume * type.bytes()) {
            throw new DataException(where + ": want " + volume * type.bytes() + " bytes for " + type + " "
                    + entry.shape() + ", got offsets " + entry.begin() + " to " + entry.end());
        }
        return new Info(type, shape);
    }

    private ByteBuffer read(long at, int length) throws IOException {
        ByteBuffer bytes = ByteBuffer.allocate(length).order(ByteOrder.LITTLE_ENDIAN);
        while (bytes.hasRemaining()) {
            if (channel.read(bytes, at + bytes.position()) < 0) {
                throw new IOException("the file ends at byte " + (at + bytes.position()));
            }
        }
        return bytes.flip();
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
    public SortedSet<String> dictionaries() {
        return new TreeSet<>(Set.of(""));
    }

    @Override
    public HostTensor read(String name) {
        Info info = readable(name);
        try {
            channel.position(start + Objects.requireNonNull(offsets.get(name)));
            int count = Math.toIntExact(HostTensor.volume(info.shape()));
            double[] values = info.type()
                    .decode(new BufferedInputStream(Channels.newInputStream(channel)), count, ByteOrder.LITTLE_ENDIAN);
            return new HostTensor(info.shape(), values);
        } catch (IOException e) {
            throw new DataException(path + ", " + name + ": cannot be read: " + e.getMessage(), e);
        }
    }

    @Override
    public void close() {
        try {
            channel.close();
        } catch (IOException e) {
            throw new DataException(path + ": cannot be closed: " + e, e);
        }
    }
}
