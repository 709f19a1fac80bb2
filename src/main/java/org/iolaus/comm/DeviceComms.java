package org.iolaus.comm;

import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.iolaus.cuda.CudaRuntime;
import org.iolaus.cuda.DeviceRuntime;
import org.iolaus.ffi.LibraryException;
import org.iolaus.ffi.Nccl;
import org.jspecify.annotations.Nullable;

/// Chooses how sums of device arrays travel.
final class DeviceComms {
    private DeviceComms() {}

    static DeviceComm open(DeviceComm.Kind kind, Comm comm, DeviceRuntime device) {
        if (kind == DeviceComm.Kind.MPI || (kind == DeviceComm.Kind.AUTO && comm.size() == 1)) {
            return staged(comm, device, "");
        }
        if (!(device instanceof CudaRuntime gpu)) {
            if (kind == DeviceComm.Kind.AUTO) {
                return staged(comm, device, "");
            }
            throw new CommException("comm: nccl: want a GPU, got device " + device.name());
        }
        Nccl nccl = null;
        String problem = "";
        try {
            nccl = NcclComm.load(System.getenv());
        } catch (LibraryException e) {
            problem = String.valueOf(e.getMessage());
        }
        int version = nccl == null ? 0 : NcclComm.version(nccl);
        String why = problem(exchange(comm, new Rank(comm.host(), gpu.uuid(), version, problem)));
        if (nccl != null && why == null) {
            return new NcclComm(comm, device, gpu::stream, nccl);
        }
        if (kind == DeviceComm.Kind.NCCL) {
            throw new CommException("comm: nccl: " + why);
        }
        return staged(
                comm,
                device,
                "; not NCCL: " + String.valueOf(why).lines().findFirst().orElse(""));
    }

    private static DeviceComm staged(Comm comm, DeviceRuntime device, String why) {
        return comm.size() == 1 ? new OneRank(device) : new StagedComm(comm, device, why);
    }

    /// What a rank brings for NCCL.
    ///
    /// @param gpu identifies it over all hosts
    /// @param version of NCCL, 0 without
    /// @param problem why there is no NCCL, else empty
    record Rank(String host, String gpu, int version, String problem) {

        byte[] toBytes() {
            return String.join("\0", host, gpu, Integer.toString(version), problem)
                    .getBytes(StandardCharsets.UTF_8);
        }

        static Rank of(byte[] bytes) {
            String[] parts = new String(bytes, StandardCharsets.UTF_8).split("\0", -1);
            return new Rank(parts[0], parts[1], Integer.parseInt(parts[2]), parts[3]);
        }
    }

    /// What every rank brings, by rank, on every rank.
    static List<Rank> exchange(Comm comm, Rank mine) {
        List<byte[]> all = comm.gather(mine.toBytes(), 0);
        ByteBuffer packed = ByteBuffer.allocate(
                all.stream().mapToInt(one -> Integer.BYTES + one.length).sum());
        all.forEach(one -> packed.putInt(one.length).put(one));
        ByteBuffer shared = ByteBuffer.wrap(comm.broadcast(packed.array(), 0));
        List<Rank> ranks = new ArrayList<>();
        while (shared.hasRemaining()) {
            byte[] one = new byte[shared.getInt()];
            shared.get(one);
            ranks.add(Rank.of(one));
        }
        return ranks;
    }

    /// Why these ranks cannot use NCCL together; null if they can.
    static @Nullable String problem(List<Rank> ranks) {
        Map<String, Integer> owners = new HashMap<>();
        for (int rank = 0; rank < ranks.size(); rank++) {
            Rank one = ranks.get(rank);
            if (!one.problem.isEmpty()) {
                return "rank %d on %s: %s".formatted(rank, one.host, one.problem);
            }
            Integer other = owners.putIfAbsent(one.gpu, rank);
            if (other != null) {
                return "want a GPU for each rank, ranks %d and %d on %s share GPU %s: use comm: mpi"
                        .formatted(other, rank, one.host, one.gpu);
            }
            if (one.version != ranks.getFirst().version) {
                return "want one version of NCCL, got %s on rank 0 and %s on rank %d (%s)"
                        .formatted(
                                NcclComm.versionText(ranks.getFirst().version),
                                NcclComm.versionText(one.version),
                                rank,
                                one.host);
            }
        }
        return null;
    }

    static void check(long count, int bytesPerNumber) {
        if (count < 0 || (bytesPerNumber != Float.BYTES && bytesPerNumber != Double.BYTES)) {
            throw new IllegalArgumentException(
                    "sum: want at least 0 numbers of 4 or 8 bytes, got " + count + " of " + bytesPerNumber + " bytes");
        }
    }

    /// A single rank, whose sums are its own numbers.
    record OneRank(DeviceRuntime device) implements DeviceComm {

        @Override
        public boolean capturable() {
            return true;
        }

        @Override
        public void sum(long address, long count, int bytesPerNumber) {
            check(count, bytesPerNumber);
        }

        @Override
        public void await(DeviceRuntime.Event point) {
            Backoff.until(point::reached);
        }

        @Override
        public void await() {
            device.synchronize();
        }

        @Override
        public DeviceComm split(Comm group) {
            return this;
        }

        @Override
        public String name() {
            return "one rank";
        }

        @Override
        public void close() {}
    }
}
