package org.iolaus.run;

import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.List;
import java.util.Objects;
import java.util.stream.Collectors;
import org.iolaus.comm.Comm;
import org.iolaus.config.Config;
import org.iolaus.data.DataException;
import org.iolaus.data.DatasetConfig;
import org.iolaus.data.ShardIndex;
import org.iolaus.data.ShardSet;

/// Opens shard sets on all ranks: rank zero reads the index and sends it to the others.
public final class ShardSets {
    private ShardSets() {}

    /// The shard set that a configuration names. Its neighbour lists are those that the architecture asks for.
    public static ShardSet open(Comm comm, Config config) {
        DatasetConfig dataset = Objects.requireNonNull(config.dataset());
        ShardSet shards = open(comm, Path.of(dataset.shards()), dataset.verifyChecksums());
        comm.rootFirst(() -> {
            Cutoffs.requireIn(shards.index(), config.neuralNetwork().architecture());
            return shards;
        });
        return shards;
    }

    /// The shard set in a folder.
    ///
    /// @param verify whether the ranks, sharing the work, check every byte first
    public static ShardSet open(Comm comm, Path folder, boolean verify) {
        ShardIndex index = ShardIndex.read(
                folder, file -> comm.broadcast(comm.isRoot() ? ShardIndex.bytes(folder, file) : new byte[0], 0));
        if (comm.isRoot()) {
            ShardSet.requireFiles(folder, index);
        }
        ShardSet shards = ShardSet.open(folder, index, false, ShardSet.DEFAULT_CACHE_BYTES);
        if (verify) {
            verify(comm, folder, shards.index());
        }
        return shards;
    }

    private static void verify(Comm comm, Path folder, ShardIndex index) {
        List<String> damages = ShardSet.damages(folder, index, comm.rank(), comm.size());
        List<byte[]> all = comm.gather(String.join("\n", damages).getBytes(StandardCharsets.UTF_8), 0);
        String found = all.stream()
                .map(bytesOfRank -> new String(bytesOfRank, StandardCharsets.UTF_8))
                .filter(text -> !text.isEmpty())
                .collect(Collectors.joining("\n"));
        if (!found.isEmpty()) {
            List<String> lines = found.lines().toList();
            throw new DataException(
                    lines.getFirst() + (lines.size() == 1 ? "" : "; so are " + (lines.size() - 1) + " other shards"));
        }
        comm.barrier();
    }
}
