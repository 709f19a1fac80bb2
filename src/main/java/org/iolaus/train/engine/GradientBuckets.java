package org.iolaus.train.engine;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.iolaus.comm.Comm;
import org.iolaus.comm.Pending;
import org.iolaus.nn.Parameters;
import org.iolaus.tensor.HostView;
import org.iolaus.train.inputs.Bucket;

/// The flat gradient, cut into pieces that are summed over ranks as soon as the backward pass has filled them, while it
/// goes on with the rest. Values that every step shares besides (losses, buffers) follow as the last piece.
final class GradientBuckets {
    private final Comm comm;
    private final double[] gradient;
    private final double[] shared;
    private final Map<String, Slot> slots = new HashMap<>();
    private final List<Bucket> buckets = new ArrayList<>();
    private final List<Pending> started = new ArrayList<>();
    private boolean adds;
    private boolean sums;

    private record Slot(int offset, Bucket bucket) {}

    private static final class Bucket {
        private final int start;
        private int end;
        private int members;
        private int missing;

        Bucket(int start) {
            this.start = start;
            this.end = start;
        }
    }

    /// @param bucketBytes size from which a piece is full
    /// @param shared number of further values
    GradientBuckets(Comm comm, Parameters parameters, ModelState state, long bucketBytes, int shared) {
        this.comm = comm;
        this.gradient = new double[state.trained().length];
        this.shared = new double[shared];
        Bucket open = new Bucket(0);
        for (Parameters.Spec spec : parameters.specs().values()) {
            if (spec.role() != Parameters.Role.TRAINED) {
                continue;
            }
            if ((long) (open.end - open.start) * Double.BYTES >= bucketBytes) {
                buckets.add(open);
                open = new Bucket(open.end);
            }
            slots.put(spec.name(), new Slot(state.offset(spec.name()), open));
            open.end += spec.size();
            open.members++;
        }
        buckets.add(open);
    }

    /// The sum over ranks, after [#await].
    double[] gradient() {
        return gradient;
    }

    /// Values to be summed over ranks with the gradient: set before [#await], read after it.
    double[] shared() {
        return shared;
    }

    /// Number of messages per step.
    int messages() {
        return buckets.size() + 1;
    }

    /// Prepares for the gradients of a batch.
    ///
    /// @param adds whether they are added to those of the batch before
    /// @param sums whether the sums over ranks follow
    void begin(boolean adds, boolean sums) {
        this.adds = adds;
        this.sums = sums;
        started.clear();
        buckets.forEach(bucket -> bucket.missing = bucket.members);
    }

    /// Takes one parameter's gradient; starts the sum of its bucket if it was the last one missing.
    void put(String name, HostView value) {
        Slot slot = slots.get(name);
        if (slot == null) {
            throw new IllegalArgumentException("GradientBuckets: want a trained parameter, got " + name);
        }
        if (adds) {
            for (int i = 0; i < value.volume(); i++) {
                gradient[slot.offset + i] += value.get(i);
            }
        } else {
            System.arraycopy(value.data(), value.offset(), gradient, slot.offset, value.volume());
        }
        Bucket bucket = slot.bucket;
        if (--bucket.missing == 0 && sums) {
            started.forEach(Pending::done); // moves the earlier ones along
            started.add(comm.sumAsync(gradient, bucket.start, bucket.end - bucket.start));
        }
    }

    /// Sums the shared values and waits for all sums.
    void await() {
        started.add(comm.sumAsync(shared, 0, shared.length));
        started.forEach(Pending::await);
    }
}
