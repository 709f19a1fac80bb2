package org.iolaus.data;

import io.jhdf.ObjectHeader;
import io.jhdf.WritableDatasetImpl;
import io.jhdf.api.Attribute;
import io.jhdf.api.Group;
import io.jhdf.object.datatype.DataType;
import io.jhdf.object.message.AttributeInfoMessage;
import io.jhdf.object.message.AttributeMessage;
import io.jhdf.object.message.DataLayoutMessage.ContiguousDataLayoutMessage;
import io.jhdf.object.message.DataSpace;
import io.jhdf.object.message.DataSpaceMessage;
import io.jhdf.object.message.DataTypeMessage;
import io.jhdf.object.message.FillValueMessage;
import io.jhdf.object.message.Message;
import io.jhdf.storage.HdfFileChannel;
import java.lang.reflect.Array;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.zip.CRC32C;

/// A contiguous dataset written from a flat array: the library itself would want nested arrays of the final shape.
/// The data begin at a multiple of eight bytes, so that a mapped array is aligned.
final class FlatDataset extends WritableDatasetImpl {
    private static final int PIECE_BYTES = 1 << 16;

    private final Content content;
    private final int[] shape;

    FlatDataset(Content content, int[] shape, String name, Group parent) {
        super(content.sample(), name, parent);
        this.content = content;
        this.shape = shape;
    }

    /// A flat array seen as elements of `elementBytes` bytes each.
    ///
    /// @param sample any value of the element type, from which the library derives its type description
    record Content(Object sample, int length, int elementBytes, Encoder encoder) {
        interface Encoder {
            /// Appends elements `from` to `to` (exclusive) to a little-endian buffer with enough room.
            void encode(int from, int to, ByteBuffer into);
        }

        static Content of(double[] data) {
            return new Content(0.0, data.length, Double.BYTES, (from, to, into) -> {
                into.asDoubleBuffer().put(data, from, to - from);
                into.position(into.position() + (to - from) * Double.BYTES);
            });
        }

        static Content of(long[] data) {
            return new Content(0L, data.length, Long.BYTES, (from, to, into) -> {
                into.asLongBuffer().put(data, from, to - from);
                into.position(into.position() + (to - from) * Long.BYTES);
            });
        }

        static Content of(int[] data) {
            return new Content(0, data.length, Integer.BYTES, (from, to, into) -> {
                into.asIntBuffer().put(data, from, to - from);
                into.position(into.position() + (to - from) * Integer.BYTES);
            });
        }

        static Content of(short[] data) {
            return new Content((short) 0, data.length, Short.BYTES, (from, to, into) -> {
                into.asShortBuffer().put(data, from, to - from);
                into.position(into.position() + (to - from) * Short.BYTES);
            });
        }

        static Content of(byte[] data) {
            return new Content((byte) 0, data.length, 1, (from, to, into) -> into.put(data, from, to - from));
        }

        static Content of(List<String> data) {
            List<byte[]> encoded =
                    data.stream().map(s -> s.getBytes(StandardCharsets.UTF_8)).toList();
            int longest = encoded.stream().mapToInt(b -> b.length).max().orElse(0);
            // one byte more for the terminating zero, as the library's own type description has it
            return new Content("x".repeat(longest), data.size(), longest + 1, (from, to, into) -> {
                for (int i = from; i < to; i++) {
                    into.put(Arrays.copyOf(encoded.get(i), longest + 1));
                }
            });
        }

        private void forEachPiece(java.util.function.Consumer<ByteBuffer> consumer) {
            int perPiece = Math.max(1, PIECE_BYTES / elementBytes);
            ByteBuffer buffer = ByteBuffer.allocate(perPiece * elementBytes).order(ByteOrder.LITTLE_ENDIAN);
            for (int from = 0; from < length; from = Math.min(length, from + perPiece)) {
                buffer.clear();
                encoder.encode(from, Math.min(length - from, perPiece) + from, buffer);
                consumer.accept(buffer.flip());
            }
        }
    }

    /// CRC-32C of the bytes as they will lie in the file.
    long checksum() {
        CRC32C crc = new CRC32C();
        content.forEachPiece(crc::update);
        return crc.getValue();
    }

    @Override
    public long write(HdfFileChannel channel, long position) {
        long bytes = (long) content.length() * content.elementBytes();
        int headerBytes = header(position, 0, bytes).limit();
        long headerEnd = position + headerBytes;
        long dataAddress = bytes == 0 ? headerEnd : Math.ceilDiv(headerEnd, 8L) * 8;
        channel.position(dataAddress);
        content.forEachPiece(piece -> {
            while (piece.hasRemaining()) {
                channel.write(piece);
            }
        });
        channel.write(header(position, dataAddress, bytes), position);
        return dataAddress + bytes;
    }

    private ByteBuffer header(long position, long dataAddress, long bytes) {
        DataType type = DataType.fromObject(content.sample());
        Object unit = Array.newInstance(double.class, ones(shape.length));
        long[] sizes = Arrays.stream(shape).asLongStream().toArray();
        List<Message> messages = new ArrayList<>();
        messages.add(DataTypeMessage.create(type));
        messages.add(DataSpaceMessage.create(DataSpace.modifyDimensions(DataSpace.fromObject(unit), sizes)));
        messages.add(FillValueMessage.NO_FILL);
        messages.add(ContiguousDataLayoutMessage.create(bytes == 0 ? -1L : dataAddress, bytes));
        messages.add(AttributeInfoMessage.create());
        for (Map.Entry<String, Attribute> attribute : new TreeMap<>(getAttributes()).entrySet()) {
            messages.add(AttributeMessage.create(attribute.getKey(), attribute.getValue()));
        }
        return new ObjectHeader.ObjectHeaderV2(position, messages).toBuffer();
    }

    private static int[] ones(int rank) {
        int[] ones = new int[rank];
        Arrays.fill(ones, 1);
        return ones;
    }
}
