package org.iolaus.data.state;

import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import net.razorvine.pickle.IObjectConstructor;
import net.razorvine.pickle.Opcodes;
import net.razorvine.pickle.PickleException;
import net.razorvine.pickle.Unpickler;
import org.iolaus.data.DataException;
import org.jspecify.annotations.Nullable;

/// Reads the pickle in a file of `torch.save`: dictionaries, lists, texts, numbers and descriptions of tensors.
///
/// A pickle names the classes and functions that are to be called with what it holds. Here a name stands for what this
/// class makes of it; a name that it does not know is an error. Nothing is looked up by name, so a file can neither run
/// code nor make an object of any class but the records below and Java's collections, texts and numbers.
final class TorchPickle extends Unpickler {
    private static final Object NOTHING = NO_RETURN_VALUE;
    private static final String TORCH = "torch.";

    /// What names mean.
    private static final Map<String, IObjectConstructor> KNOWN = known();

    private final String where;

    /// A run of numbers of one type in the archive.
    ///
    /// @param type null where the tensors that lie in it say it
    /// @param key name of its record
    /// @param count numbers; bytes where there is no type
    record Storage(@Nullable NumberType type, String key, long count) {}

    /// Numbers of a storage as an array.
    ///
    /// @param offset of the first, counted in numbers, as are `strides`
    record Tensor(NumberType type, Storage storage, long offset, List<Long> shape, List<Long> strides) {}

    /// A value of a kind that state dicts hold beside tensors and that nothing here reads.
    record Other(String kind) {}

    /// @param type null for bytes whose tensors say what they are
    private record Type(@Nullable NumberType type) {}

    /// @param where what messages call the pickle
    private TorchPickle(String where) {
        this.where = where;
    }

    /// What a pickle holds.
    ///
    /// @throws DataException if it is damaged, or names something that is not known
    static @Nullable Object read(byte[] bytes, String where) {
        TorchPickle pickle = new TorchPickle(where);
        try {
            return pickle.load(new ByteArrayInputStream(bytes));
        } catch (DataException e) {
            throw e;
        } catch (IOException | RuntimeException | StackOverflowError e) {
            throw new DataException(where + ": want a pickle of tensors by name, got a damaged one (" + e + ")", e);
        }
    }

    @Override
    protected Object dispatch(short opcode) throws IOException {
        switch (opcode) {
            case Opcodes.GLOBAL -> name(line() + "." + line());
            case Opcodes.STACK_GLOBAL -> {
                Object name = stack.pop();
                name(stack.pop() + "." + name);
            }
            case Opcodes.BUILD -> {
                Object state = stack.pop(); // attributes of the object below, such as a state dict's _metadata
                if (!(stack.peek() instanceof Map || stack.peek() instanceof Other)) {
                    throw new PickleException("attributes " + kind(state) + " for " + kind(stack.peek()));
                }
            }
            case Opcodes.INST, Opcodes.OBJ, Opcodes.EXT1, Opcodes.EXT2, Opcodes.EXT4, Opcodes.NEWOBJ_EX ->
                throw new DataException(
                        where + ": want a pickle as torch.save writes it, got one that makes objects by " + "opcode "
                                + opcode);
            case Opcodes.BINUNICODE, Opcodes.BINBYTES, Opcodes.BINSTRING, Opcodes.LONG4 -> {
                requireLength(Integer.BYTES);
                return super.dispatch(opcode);
            }
            case Opcodes.BINUNICODE8, Opcodes.BINBYTES8, Opcodes.BYTEARRAY8 -> {
                requireLength(Long.BYTES);
                return super.dispatch(opcode);
            }
            default -> {
                return super.dispatch(opcode);
            }
        }
        return NOTHING;
    }

    /// Refuses a length beyond the end, before room is made for it.
    private void requireLength(int bytes) throws IOException {
        input.mark(bytes);
        byte[] raw = input.readNBytes(bytes);
        long length = 0;
        for (int i = raw.length - 1; i >= 0; i--) {
            length = length << Byte.SIZE | Byte.toUnsignedLong(raw[i]);
        }
        if (length < 0 || length > input.available()) {
            throw new PickleException("it ends within a text or number of " + length + " bytes");
        }
        input.reset();
    }

    private String line() throws IOException {
        StringBuilder text = new StringBuilder();
        for (int c = input.read(); c != '\n'; c = input.read()) {
            if (c < 0) {
                throw new PickleException("it ends within a name");
            }
            text.append((char) c);
        }
        return text.toString();
    }

    private void name(String name) {
        IObjectConstructor meaning = KNOWN.get(name);
        if (meaning != null) {
            stack.add(meaning);
            return;
        }
        Optional<Type> type = type(name);
        if (type.isPresent()) {
            stack.add(type.get());
            return;
        }
        throw new DataException(where + ": want names that state dicts are made of, got " + name
                + "; nothing in a file is ever run. A file that holds more than arrays and numbers has to be saved anew"
                + " in PyTorch: torch.save(model.state_dict(), ...)");
    }

    private static Optional<Type> type(String name) {
        if (name.equals("torch.storage.UntypedStorage")) {
            return Optional.of(new Type(null));
        }
        if (!name.startsWith(TORCH)) {
            return Optional.empty();
        }
        String rest = name.substring(TORCH.length());
        return NumberType.ofText(rest).or(() -> NumberType.ofStorage(rest)).map(Type::new);
    }

    private static Map<String, IObjectConstructor> known() {
        Map<String, IObjectConstructor> known = new HashMap<>();
        known.put("collections.OrderedDict", TorchPickle::dictionary);
        known.put("collections.defaultdict", given -> new LinkedHashMap<>());
        known.put("collections.Counter", TorchPickle::counter);
        known.put("torch._utils._rebuild_tensor_v2", given -> tensor(given, null));
        known.put("torch._utils._rebuild_tensor_v3", TorchPickle::typedTensor);
        known.put("torch._utils._rebuild_parameter", given -> given[0]);
        known.put("torch._utils._rebuild_parameter_with_state", given -> given[0]);
        known.put("torch.Size", given -> given[0]);
        known.put("torch.device", given -> new Other("device"));
        for (String module : List.of("numpy.core.multiarray", "numpy._core.multiarray")) {
            known.put(module + ".scalar", given -> new Other("numpy scalar"));
        }
        known.put("numpy.dtype", given -> new Other("numpy dtype"));
        known.put("_codecs.encode", given -> new Other("bytes"));
        for (String module : List.of("__builtin__", "builtins")) {
            for (String type : List.of("set", "frozenset", "bytearray", "complex", "slice")) {
                known.put(module + "." + type, given -> new Other(type));
            }
            for (String type : List.of("int", "float", "bool", "str", "list", "dict", "tuple")) {
                known.put(module + "." + type, TorchPickle::noCall);
            }
        }
        return known;
    }

    private static Object noCall(Object[] given) {
        throw new PickleException("a type that is called");
    }

    private static Map<Object, Object> dictionary(Object[] given) {
        Map<Object, Object> entries = new LinkedHashMap<>();
        if (given.length > 0 && given[0] instanceof List<?> pairs) {
            for (Object pair : pairs) {
                entries.put(key(pair, 0), key(pair, 1));
            }
        }
        return entries;
    }

    private static Object key(Object pair, int i) {
        return pair instanceof List<?> list ? list.get(i) : ((Object[]) pair)[i];
    }

    private static Map<Object, Object> counter(Object[] given) {
        return given.length > 0 && given[0] instanceof Map<?, ?> entries ? new HashMap<>(entries) : new HashMap<>();
    }

    /// (storage, offset, shape, strides, requires_grad, backward_hooks, dtype, ...)
    private static Tensor typedTensor(Object[] given) {
        if (!(given[6] instanceof Type type)) {
            throw new PickleException("a tensor of " + kind(given[6]));
        }
        return tensor(given, type.type());
    }

    /// (storage, offset, shape, strides, requires_grad, backward_hooks, ...)
    private static Tensor tensor(Object[] given, @Nullable NumberType type) {
        if (!(given[0] instanceof Storage storage)) {
            throw new PickleException("a tensor in " + kind(given[0]));
        }
        NumberType own = type != null ? type : storage.type();
        if (own == null) {
            throw new PickleException("a tensor without a type");
        }
        List<Long> shape = longs(given[2]);
        List<Long> strides = longs(given[3]);
        if (shape.size() != strides.size()) {
            throw new PickleException("a tensor of shape " + shape + " with strides " + strides);
        }
        return new Tensor(own, storage, longOf(given[1]), shape, strides);
    }

    private static List<Long> longs(Object tuple) {
        List<?> parts = tuple instanceof List<?> list ? list : Arrays.asList((Object[]) tuple);
        List<Long> values = new ArrayList<>();
        parts.forEach(part -> values.add(longOf(part)));
        return values;
    }

    private static long longOf(Object value) {
        if (value instanceof Integer || value instanceof Long) {
            return ((Number) value).longValue();
        }
        throw new PickleException("a size that is " + kind(value));
    }

    /// ("storage", type, key, device, count)
    @Override
    protected Object persistentLoad(Object id) {
        if (!(id instanceof Object[] parts) || parts.length < 5 || !"storage".equals(parts[0])) {
            throw new PickleException("a reference that is " + kind(id));
        }
        if (!(parts[1] instanceof Type type)) {
            throw new PickleException("a storage of " + kind(parts[1]));
        }
        return new Storage(type.type(), String.valueOf(parts[2]), longOf(parts[4]));
    }

    /// What messages call a value.
    static String kind(@Nullable Object value) {
        return switch (value) {
            case null -> "None";
            case Other other -> other.kind();
            case Map<?, ?> _ -> "dict";
            case List<?> _ -> "list";
            case Object[] _ -> "tuple";
            case String _ -> "str";
            case Boolean _ -> "bool";
            case Double _ -> "float";
            case Number _ -> "int";
            default -> value.getClass().getSimpleName().toLowerCase(Locale.ROOT);
        };
    }
}
