package org.iolaus.comm;

import org.iolaus.cuda.DeviceRuntime;

/// Chooses how sums of device arrays go.
final class DeviceComms {
    private DeviceComms() {}

    static DeviceComm open(DeviceComm.Kind kind, Comm comm, DeviceRuntime device) {
        if (kind == DeviceComm.Kind.NCCL) {
            throw new CommException("comm: nccl: want a GPU, got device " + device.name());
        }
        return comm.size() == 1 ? new OneRank(device) : new StagedComm(comm, device, "");
    }

    static void check(long count, int bytesPerNumber) {
        if (count < 0 || (bytesPerNumber != Float.BYTES && bytesPerNumber != Double.BYTES)) {
            throw new IllegalArgumentException(
                    "sum: want at least 0 numbers of 4 or 8 bytes, got " + count + " of " + bytesPerNumber + " bytes");
        }
    }

    /// Nobody to add to.
    private record OneRank(DeviceRuntime device) implements DeviceComm {

        @Override
        public boolean capturable() {
            return true;
        }

        @Override
        public void sum(long address, long count, int bytesPerNumber) {
            check(count, bytesPerNumber);
        }

        @Override
        public void await() {
            device.synchronize();
        }

        @Override
        public String name() {
            return "one rank";
        }

        @Override
        public void close() {}
    }
}
