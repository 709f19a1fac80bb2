package org.iolaus.train.checkpoint;

import java.nio.file.Path;
import java.util.Map;
import java.util.TreeMap;
import org.iolaus.comm.Comm;
import org.iolaus.tensor.HostTensor;
import org.jspecify.annotations.Nullable;
import tools.jackson.databind.json.JsonMapper;

/// Gives a checkpoint to all ranks. Rank zero alone reads the file: thousands of ranks that read it together would be
/// too much for a file system.
public final class CheckpointBroadcast {
    private static final JsonMapper MAPPER = JsonMapper.shared();

    private CheckpointBroadcast() {}

    /// What goes ahead of the arrays.
    ///
    /// @param empty the checkpoint without arrays
    private record Head(Checkpoint empty, Map<String, Map<String, int[]>> shapes) {}

    /// Reads a file on rank zero. A collective.
    ///
    /// @throws org.iolaus.data.DataException on rank zero, as [Checkpoint#read] does
    public static Checkpoint read(Comm comm, Path path) {
        return send(comm, comm.isRoot() ? Checkpoint.read(path) : null);
    }

    /// Sends rank zero's checkpoint. A collective.
    ///
    /// @param ofRankZero null on the other ranks
    public static Checkpoint send(Comm comm, @Nullable Checkpoint ofRankZero) {
        byte[] bytes = comm.broadcast(ofRankZero == null ? new byte[0] : head(ofRankZero), 0);
        Checkpoint result = ofRankZero == null ? withZeros(MAPPER.readValue(bytes, Head.class)) : ofRankZero;
        result.arrays().values().forEach(group -> group.values().forEach(array -> comm.broadcast(array.data(), 0)));
        return result;
    }

    private static byte[] head(Checkpoint checkpoint) {
        Map<String, Map<String, int[]>> shapes = new TreeMap<>();
        checkpoint.arrays().forEach((name, arrays) -> {
            Map<String, int[]> group = new TreeMap<>();
            arrays.forEach((array, values) -> group.put(array, values.shape()));
            shapes.put(name, group);
        });
        Checkpoint empty = checkpoint.with(Map.of("metrics", Map.of("sums", HostTensor.scalar(0))));
        return MAPPER.writeValueAsBytes(new Head(empty, shapes));
    }

    private static Checkpoint withZeros(Head head) {
        Map<String, Map<String, HostTensor>> arrays = new TreeMap<>();
        head.shapes.forEach((name, shapes) -> {
            Map<String, HostTensor> group = new TreeMap<>();
            shapes.forEach((array, shape) ->
                    group.put(array, new HostTensor(shape, new double[Math.toIntExact(HostTensor.volume(shape))])));
            arrays.put(name, group);
        });
        return head.empty.with(arrays);
    }
}
