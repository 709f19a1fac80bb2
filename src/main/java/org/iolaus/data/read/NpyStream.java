package org.iolaus.data.read;

import java.io.DataInputStream;
import java.io.EOFException;
import java.io.IOException;
import java.io.InputStream;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.function.ToDoubleFunction;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.zip.CRC32;
import java.util.zip.CheckedInputStream;
import java.util.zip.ZipEntry;
import java.util.zip.ZipFile;
import org.iolaus.data.DataException;
import org.jspecify.annotations.Nullable;

/// One array of a `.npz` file, read front to back as doubles in C order.
///
/// Arrays in C order are streamed, arrays in Fortran order are read whole and turned round. The checksum that the
/// archive keeps is compared when the last value is read.
final class NpyStream implements AutoCloseable {
    private static final int MAX_HEADER_BYTES = 1 << 20;
    private static final Pattern HEADER = Pattern.compile("\\{\\s*'descr'\\s*:\\s*'([<>|=][a-zA-Z]\\d+)'\\s*,"
            + "\\s*'fortran_order'\\s*:\\s*(True|False)\\s*,\\s*'shape'\\s*:\\s*\\(([\\d, L]*)\\)\\s*,?\\s*\\}\\s*");

    /// A type of number: its size and how it is read.
    private record Type(int bytes, ToDoubleFunction<ByteBuffer> decode) {}

    private final String where;
    private final ZipEntry entry;
    private final CheckedInputStream in;
    private final Type type;
    private final ByteOrder order;
    private final int[] shape;
    private long left;
    /// The values of an array in Fortran order, turned round; null for a streamed one.
    private double @Nullable [] whole;

    /// Opens an array.
    ///
    /// @return null if it holds something other than numbers
    /// @throws DataException if it is damaged
    static @Nullable NpyStream open(ZipFile zip, ZipEntry entry, String where) {
        InputStream raw = null;
        try {
            raw = zip.getInputStream(entry);
            if (raw == null) {
                throw new DataException(where + ": want an array, got nothing");
            }
            var in = new CheckedInputStream(raw, new CRC32());
            Matcher header = HEADER.matcher(header(in, where));
            Type type = header.matches() ? type(header.group(1).substring(1)) : null;
            if (type == null) {
                raw.close();
                return null;
            }
            return new NpyStream(where, entry, in, header, type);
        } catch (IOException e) {
            throw damaged(where, e);
        }
    }

    private NpyStream(String where, ZipEntry entry, CheckedInputStream in, Matcher header, Type type)
            throws IOException {
        this.where = where;
        this.entry = entry;
        this.in = in;
        this.type = type;
        this.order = header.group(1).charAt(0) == '>' ? ByteOrder.BIG_ENDIAN : ByteOrder.LITTLE_ENDIAN;
        this.shape = shape(header.group(3));
        this.left = 1;
        for (int size : shape) {
            left = Math.multiplyHigh(left, size) == 0 ? left * size : Long.MAX_VALUE;
        }
        if (left < 0 || left > Long.MAX_VALUE / 16) {
            throw new DataException(where + ": want a shape of sane size, got " + Arrays.toString(shape));
        }
        if (left == 0) {
            verify();
        } else if (header.group(2).equals("True") && shape.length > 1) {
            if (left > Integer.MAX_VALUE / 16) {
                throw new DataException(where + ": want an array this large in C order, got Fortran order");
            }
            whole = turned(next((int) left), shape);
            left = whole.length;
        }
    }

    /// The sizes; empty for a single number.
    int[] shape() {
        return shape;
    }

    /// The next `count` values.
    double[] next(int count) {
        if (count > left) {
            throw new DataException(where + ": want " + count + " more values, got " + left);
        }
        left -= count;
        if (whole != null) {
            int start = (int) (whole.length - left - count);
            return Arrays.copyOfRange(whole, start, start + count);
        }
        try {
            byte[] bytes = in.readNBytes(Math.multiplyExact(count, type.bytes()));
            if (bytes.length < count * type.bytes()) {
                throw new EOFException("array ends after " + bytes.length + " of " + count * type.bytes() + " bytes");
            }
            if (left == 0) {
                verify();
            }
            return decoded(ByteBuffer.wrap(bytes).order(order), count);
        } catch (IOException e) {
            throw damaged(where, e);
        }
    }

    private void verify() throws IOException {
        long surplus = in.skip(Long.MAX_VALUE);
        if (surplus > 0) {
            throw new DataException(where + ": want the end of the array, got " + surplus + " more bytes");
        }
        if (entry.getCrc() != in.getChecksum().getValue()) {
            throw new DataException("%s: want checksum %08x, got %08x: the file is damaged"
                    .formatted(where, entry.getCrc(), in.getChecksum().getValue()));
        }
    }

    private double[] decoded(ByteBuffer bytes, int count) {
        double[] values = new double[count];
        for (int i = 0; i < count; i++) {
            values[i] = type.decode().applyAsDouble(bytes);
        }
        return values;
    }

    private static @Nullable Type type(String name) {
        return switch (name) {
            case "f8" -> new Type(8, ByteBuffer::getDouble);
            case "f4" -> new Type(4, ByteBuffer::getFloat);
            case "f2" -> new Type(2, bytes -> Float.float16ToFloat(bytes.getShort()));
            case "i8" -> new Type(8, ByteBuffer::getLong);
            case "i4" -> new Type(4, ByteBuffer::getInt);
            case "i2" -> new Type(2, ByteBuffer::getShort);
            case "i1" -> new Type(1, ByteBuffer::get);
            case "u8" -> new Type(8, bytes -> unsigned(bytes.getLong()));
            case "u4" -> new Type(4, bytes -> Integer.toUnsignedLong(bytes.getInt()));
            case "u2" -> new Type(2, bytes -> Short.toUnsignedInt(bytes.getShort()));
            case "u1", "b1" -> new Type(1, bytes -> Byte.toUnsignedInt(bytes.get()));
            default -> null;
        };
    }

    private static double unsigned(long value) {
        return value >= 0 ? value : 2.0 * (value >>> 1);
    }

    private static String header(InputStream in, String where) throws IOException {
        var data = new DataInputStream(in);
        byte[] magic = new byte[8];
        data.readFully(magic);
        boolean numpy = magic[0] == (byte) 0x93 && new String(magic, 1, 5, StandardCharsets.US_ASCII).equals("NUMPY");
        if (!numpy || magic[6] < 1 || magic[6] > 3) {
            throw new DataException(where + ": want a NumPy array of version 1 to 3, got something else");
        }
        int length = Integer.reverseBytes(magic[6] == 1 ? data.readUnsignedShort() << 16 : data.readInt());
        length = magic[6] == 1 ? length & 0xffff : length;
        if (length < 0 || length > MAX_HEADER_BYTES) {
            throw new DataException(where + ": want a header of at most " + MAX_HEADER_BYTES + " bytes, got " + length);
        }
        byte[] text = new byte[length];
        data.readFully(text);
        return new String(text, StandardCharsets.UTF_8);
    }

    private int[] shape(String text) {
        return Arrays.stream(text.split(","))
                .map(String::strip)
                .filter(size -> !size.isEmpty())
                .mapToInt(size -> {
                    Integer number = Numbers.whole(size);
                    if (number == null) {
                        throw new DataException(where + ": want sizes below 2^31, got " + size);
                    }
                    return number;
                })
                .toArray();
    }

    /// Fortran order (first index fastest) to C order (last index fastest).
    private static double[] turned(double[] values, int[] shape) {
        double[] turned = new double[values.length];
        int[] index = new int[shape.length];
        for (double value : values) {
            int place = 0;
            for (int d = 0; d < shape.length; d++) {
                place = place * shape[d] + index[d];
            }
            turned[place] = value;
            for (int d = 0; d < shape.length && ++index[d] == shape[d]; d++) {
                index[d] = 0;
            }
        }
        return turned;
    }

    private static DataException damaged(String where, IOException e) {
        return new DataException(where + ": want an undamaged .npz file, got: " + e.getMessage(), e);
    }

    @Override
    public void close() {
        try {
            in.close();
        } catch (IOException e) {
            // the array was only read
        }
    }
}
