package org.iolaus.train;

import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.TreeSet;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import java.util.zip.CRC32C;
import org.iolaus.comm.Comm;
import org.iolaus.tensor.HostView;

/// Every rank holds the whole model and makes the same steps, and sums over ranks have the same bits on all. So
/// the models stay the same bit by bit: where they do not, a machine or the program is wrong.
final class Replicas {
    private Replicas() {}

    /// Compares the models and optimizers of all ranks by a checksum.
    ///
    /// @param where for the message
    /// @throws TrainingException on all ranks, naming those that differ from rank zero
    static void requireEqual(Comm comm, ModelState model, Checkpoint.OptimizerState optimizer, String where) {
        if (comm.size() == 1) {
            return;
        }
        long mine = checksum(model, optimizer);
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

    private static long checksum(ModelState model, Checkpoint.OptimizerState optimizer) {
        CRC32C sum = new CRC32C();
        for (ModelState state : new LinkedHashSet<>(List.of(model, model.evaluated()))) {
            for (String name : new TreeSet<>(state.parameters().specs().keySet())) {
                HostView view = state.find(name);
                add(sum, view.data(), view.offset(), view.volume());
            }
        }
        optimizer.slots().values().forEach(slot -> add(sum, slot, 0, slot.length));
        return sum.getValue();
    }

    private static void add(CRC32C sum, double[] values, int offset, int length) {
        int at = offset;
        ByteBuffer bytes = ByteBuffer.allocate(Math.min(length, 8192) * Double.BYTES);
        for (int left = length; left > 0; ) {
            int count = Math.min(left, 8192);
            bytes.clear();
            bytes.asDoubleBuffer().put(values, at, count);
            sum.update(bytes.limit(count * Double.BYTES));
            at += count;
            left -= count;
        }
    }
}
