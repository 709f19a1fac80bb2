package org.iolaus.data;

/// A seeded order of things that is the same on every machine and Java version: SplitMix64 (Steele, Lea,
/// Flood 2014) and Fisher-Yates.
final class Shuffle {
    private static final long GOLDEN = 0x9E3779B97F4A7C15L;

    private long state;

    private Shuffle(long state) {
        this.state = state;
    }

    /// A number that looks random; another one for each pair.
    static long number(long seed, long stream) {
        return mix(mix(seed + GOLDEN) ^ mix(stream * GOLDEN + 1));
    }

    /// Shuffles in place; each `stream` of a seed gives another order.
    static void shuffle(int[] values, long seed, long stream) {
        Shuffle random = new Shuffle(mix(seed + GOLDEN) ^ mix(stream * GOLDEN + 1));
        for (int i = values.length - 1; i > 0; i--) {
            int j = random.below(i + 1);
            int value = values[i];
            values[i] = values[j];
            values[j] = value;
        }
    }

    /// Evenly distributed in `[0, bound)`: the upper bits of a product, rejecting the few that would be favoured
    /// (Lemire 2019).
    private int below(int bound) {
        long product = (next() >>> 32) * bound;
        int threshold = Integer.remainderUnsigned(-bound, bound);
        while (Integer.compareUnsigned((int) product, threshold) < 0) {
            product = (next() >>> 32) * bound;
        }
        return (int) (product >>> 32);
    }

    private long next() {
        state += GOLDEN;
        return mix(state);
    }

    private static long mix(long z) {
        long y = (z ^ (z >>> 30)) * 0xBF58476D1CE4E5B9L;
        y = (y ^ (y >>> 27)) * 0x94D049BB133111EBL;
        return y ^ (y >>> 31);
    }
}
