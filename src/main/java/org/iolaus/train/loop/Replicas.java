package org.iolaus.train.loop;

import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import java.util.zip.CRC32C;
import org.iolaus.comm.Comm;
import org.iolaus.tensor.HostTensor;
import org.iolaus.train.TrainingException;
import org.iolaus.train.checkpoint.Checkpoint;

/// Every rank holds the whole model and makes the same steps, and sums over ranks have the same bits on all. So
/// the models stay the same bit by bit: where they do not, a machine or the program is wrong.
final class Replicas {
    private Replicas() {}

    /// Compares the models and optimizers of all ranks by a checksum.
    ///
    /// @param where for the message
    /// @throws TrainingException on all ranks, naming those that differ from rank zero
    static void requireEqual(Comm comm, Checkpoint.Values values, String where) {
        if (comm.size() == 1) {
            return;
        }
        long mine = checksum(values);
        if (comm.min(mine) == comm.max(mine)) {
            return;
        }
        List<byte[]> all = comm.gather(ByteBuffer.allocate(8).putLong(mine).array(), 0);
        String differ = IntStream.range(0, all.size())
                .filter(rank -> ByteBuffer.wrap(all.get(rank)).getLong() != mine)
                .mapToObj(Integer::toString)
                .collect(Collectors.joining(", "));
        byte[] said = comm.broadcast(differ.getBytes(StandardCharsets.UTF_8), 0);
        throw new TrainingException(
                where + ": want the same bits in the models of all ranks, got others than rank 0's on " + "ranks "
                        + new String(said, StandardCharsets.UTF_8));
    }

    private static long checksum(Checkpoint.Values values) {
        CRC32C sum = new CRC32C();
        Checkpoint.Model model = values.model();
        for (Map<String, HostTensor> arrays : List.of(model.parameters(), model.buffers(), model.averages())) {
            arrays.values().forEach(array -> add(sum, array.data()));
        }
        values.optimizer().slots().values().forEach(slot -> add(sum, slot));
        return sum.getValue();
    }

    private static void add(CRC32C sum, double[] values) {
        int at = 0;
        ByteBuffer bytes = ByteBuffer.allocate(Math.min(values.length, 8192) * Double.BYTES);
        for (int left = values.length; left > 0; ) {
            int count = Math.min(left, 8192);
            bytes.clear();
            bytes.asDoubleBuffer().put(values, at, count);
            sum.update(bytes.limit(count * Double.BYTES));
            at += count;
            left -= count;
        }
    }
}
