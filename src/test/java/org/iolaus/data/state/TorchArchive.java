package org.iolaus.data.state;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.zip.CRC32;
import java.util.zip.ZipEntry;
import java.util.zip.ZipOutputStream;
import org.iolaus.tensor.HostTensor;

/// Writes files as `torch.save` does: protocol 2, the records `data.pkl`, `byteorder`, `data/KEY` and `version`, stored
/// without compression. What is written is a tree of maps, lists, texts, numbers and [View]s.
public final class TorchArchive {
    private final Map<String, byte[]> records = new LinkedHashMap<>();
    private final List<Storage> storages = new ArrayList<>();
    private final ByteArrayOutputStream pickle = new ByteArrayOutputStream();
    private final Map<String, Integer> memo = new HashMap<>();
    private final ByteOrder order;
    private int memoized;

    /// A run of numbers.
    public record Storage(NumberType type, double[] values) {}

    /// A tensor.
    public record View(Storage storage, int offset, int[] shape, int[] strides) {
        /// A whole storage in row-major order.
        public static View of(NumberType type, HostTensor tensor) {
            int[] strides = new int[tensor.shape().length];
            int next = 1;
            for (int i = strides.length - 1; i >= 0; i--) {
                strides[i] = next;
                next *= tensor.shape()[i];
            }
            return new View(new Storage(type, tensor.data()), 0, tensor.shape(), strides);
        }
    }

    /// A `nn.Parameter` around a tensor.
    public record Parameter(View view) {}

    /// What a pickle calls a class or function with: `os.system` with a command, for example.
    public record Call(String module, String name, List<Object> arguments) {}

    /// An `OrderedDict` with PyTorch's `_metadata` as an attribute.
    public record StateOf(Map<String, ?> entries) {}

    private TorchArchive(ByteOrder order) {
        this.order = order;
    }

    public static Path write(Path path, Object tree) {
        return write(path, tree, ByteOrder.LITTLE_ENDIAN);
    }

    static Path write(Path path, Object tree, ByteOrder order) {
        TorchArchive archive = new TorchArchive(order);
        archive.op(0x80, 2);
        archive.put(tree);
        archive.op('.');
        archive.records.put("data.pkl", archive.pickle.toByteArray());
        archive.records.put("byteorder", text(order == ByteOrder.BIG_ENDIAN ? "big" : "little"));
        for (int i = 0; i < archive.storages.size(); i++) {
            archive.records.put("data/" + i, archive.bytes(archive.storages.get(i)));
        }
        archive.records.put("version", text("3\n"));
        return write(path, archive.records);
    }

    /// An archive of given records.
    static Path write(Path path, Map<String, byte[]> records) {
        try (OutputStream file = Files.newOutputStream(path);
                ZipOutputStream zip = new ZipOutputStream(file)) {
            zip.setMethod(ZipOutputStream.STORED);
            for (Map.Entry<String, byte[]> record : records.entrySet()) {
                ZipEntry entry = new ZipEntry("archive/" + record.getKey());
                CRC32 sum = new CRC32();
                sum.update(record.getValue());
                entry.setCrc(sum.getValue());
                entry.setSize(record.getValue().length);
                zip.putNextEntry(entry);
                zip.write(record.getValue());
                zip.closeEntry();
            }
            return path;
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    static byte[] text(String text) {
        return text.getBytes(StandardCharsets.UTF_8);
    }

    static byte[] bytes(NumberType type, double[] values, ByteOrder order) {
        ByteBuffer bytes = ByteBuffer.allocate(values.length * type.bytes()).order(order);
        for (double value : values) {
            switch (type) {
                case F64 -> bytes.putDouble(value);
                case F32 -> bytes.putFloat((float) value);
                case F16 -> bytes.putShort(Float.floatToFloat16((float) value));
                case BF16 -> bytes.putShort((short) (Float.floatToIntBits((float) value) >> 16));
                case I64 -> bytes.putLong((long) value);
                case I32 -> bytes.putInt((int) value);
                case I16 -> bytes.putShort((short) value);
                case I8, U8, BOOL -> bytes.put((byte) value);
                case C64 -> bytes.putFloat((float) value).putFloat(0);
                case C128 -> bytes.putDouble(value).putDouble(0);
            }
        }
        return bytes.array();
    }

    private byte[] bytes(Storage storage) {
        return bytes(storage.type(), storage.values(), order);
    }

    private void put(Object value) {
        switch (value) {
            case null -> op('N');
            case StateOf state -> {
                global("collections", "OrderedDict");
                op(')', 'R');
                remember();
                items(state.entries());
                op('}');
                remember();
                put("_metadata");
                put(Map.of("version", 1));
                op('s', 'b');
            }
            case Map<?, ?> map -> {
                op('}');
                remember();
                items(map);
            }
            case List<?> list -> {
                op(']');
                remember();
                op('(');
                list.forEach(this::put);
                op('e');
            }
            case String text -> {
                op('X');
                byte[] bytes = text(text);
                little(bytes.length);
                pickle.writeBytes(bytes);
                remember();
            }
            case Boolean flag -> op(flag ? 0x88 : 0x89);
            case Integer number -> {
                op('J');
                little(number);
            }
            case Double number -> {
                op('G');
                pickle.writeBytes(
                        ByteBuffer.allocate(Double.BYTES).putDouble(number).array());
            }
            case View view -> tensor(view);
            case Parameter parameter -> {
                global("torch._utils", "_rebuild_parameter");
                op('(');
                tensor(parameter.view());
                op(0x88);
                global("collections", "OrderedDict");
                op(')', 'R', 't', 'R');
            }
            case Call call -> {
                global(call.module(), call.name());
                op('(');
                call.arguments().forEach(this::put);
                op('t', 'R');
            }
            default -> throw new IllegalArgumentException(value.getClass().toString());
        }
    }

    private void items(Map<?, ?> map) {
        op('(');
        map.forEach((key, each) -> {
            put(key);
            put(each);
        });
        op('u');
    }

    private void tensor(View view) {
        global("torch._utils", "_rebuild_tensor_v2");
        op('(', '(');
        put("storage");
        String type = switch (view.storage().type()) {
            case F64 -> "DoubleStorage";
            case F32 -> "FloatStorage";
            case F16 -> "HalfStorage";
            case BF16 -> "BFloat16Storage";
            case I64 -> "LongStorage";
            case I32 -> "IntStorage";
            case I16 -> "ShortStorage";
            case I8 -> "CharStorage";
            case U8 -> "ByteStorage";
            case BOOL -> "BoolStorage";
            case C64 -> "ComplexFloatStorage";
            case C128 -> "ComplexDoubleStorage";
        };
        global("torch", type);
        int key = storages.indexOf(view.storage());
        if (key < 0) {
            key = storages.size();
            storages.add(view.storage());
        }
        put(String.valueOf(key));
        put("cpu");
        put(view.storage().values().length);
        op('t');
        remember();
        op('Q');
        put(view.offset());
        tuple(view.shape());
        tuple(view.strides());
        op(0x89);
        global("collections", "OrderedDict");
        op(')', 'R');
        remember();
        op('t');
        remember();
        op('R');
        remember();
    }

    private void tuple(int[] numbers) {
        op('(');
        for (int number : numbers) {
            put(number);
        }
        op('t');
        remember();
    }

    /// A name once, and a reference to it from then on.
    private void global(String module, String name) {
        Integer known = memo.get(module + "." + name);
        if (known != null) {
            op('j');
            little(known);
            return;
        }
        op('c');
        pickle.writeBytes(text(module + "\n" + name + "\n"));
        memo.put(module + "." + name, memoized);
        remember();
    }

    private void remember() {
        op('r');
        little(memoized++);
    }

    private void op(int... codes) {
        for (int code : codes) {
            pickle.write(code);
        }
    }

    private void little(int value) {
        pickle.writeBytes(ByteBuffer.allocate(Integer.BYTES)
                .order(ByteOrder.LITTLE_ENDIAN)
                .putInt(value)
                .array());
    }
}
