package org.iolaus.comm;

import java.lang.foreign.MemorySegment;
import java.util.List;
import java.util.Objects;
import java.util.function.BooleanSupplier;

/// One rank alone.
public final class SoloComm implements Comm {
    private static final Pending NOTHING = new Pending() {
        @Override
        public boolean done() {
            return true;
        }

        @Override
        public void await() {}
    };

    @Override
    public int rank() {
        return 0;
    }

    @Override
    public int size() {
        return 1;
    }

    @Override
    public int localRank() {
        return 0;
    }

    @Override
    public String host() {
        return LaunchEnvironment.hostName();
    }

    @Override
    public void barrier() {}

    @Override
    public void broadcast(double[] values, int root) {
        CommArguments.checkRoot(root, 1);
    }

    @Override
    public byte[] broadcast(byte[] bytes, int root) {
        CommArguments.checkRoot(root, 1);
        return bytes.clone();
    }

    @Override
    public List<byte[]> gather(byte[] bytes, int root) {
        CommArguments.checkRoot(root, 1);
        return List.of(bytes.clone());
    }

    @Override
    public void sum(double[] values, int offset, int length) {
        Objects.checkFromIndexSize(offset, length, values.length);
    }

    @Override
    public Pending sumAsync(double[] values, int offset, int length) {
        sum(values, offset, length);
        return NOTHING;
    }

    @Override
    public Pending sumAsync(MemorySegment numbers, int bytesPerNumber) {
        CommArguments.checkNumbers(numbers, bytesPerNumber);
        return NOTHING;
    }

    @Override
    public long max(long value) {
        return value;
    }

    @Override
    public long sum(long value) {
        return value;
    }

    @Override
    public void await(String what, BooleanSupplier done) {
        Backoff.until(done);
    }

    @Override
    public String missingRanks() {
        return "no other rank";
    }

    @Override
    public void startupDone() {}

    @Override
    public Comm split(int color, int key) {
        CommArguments.checkColor(color);
        return this;
    }

    @Override
    public void abort(int code, String why) {
        System.err.println("iolaus: " + why);
        Runtime.getRuntime().halt(code);
    }

    @Override
    public void close() {}
}
