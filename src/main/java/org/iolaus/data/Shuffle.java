package org.iolaus.data;

/// A seeded order of things that is the same on every machine and Java version: SplitMix64 (Steele, Lea,
/// Flood 2014) and Fisher-Yates.
public final class Shuffle {
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
        shuffle(values, 0, values.length, seed, stream);
    }

    /// Shuffles `values[from .. to)` likewise.
    public static void shuffle(int[] values, int from, int to, long seed, long stream) {
        Shuffle random = new Shuffle(mix(seed + GOLDEN) ^ mix(stream * GOLDEN + 1));
        for (int i = to - 1; i > from; i--) {
            int j = from + random.below(i - from + 1);
            int value = values[i];
            values[i] = values[j];
            values[j] = value;
        }
    }

    /// Where element `i` of `n` goes in an order that no list holds: a Feistel network (Luby, Rackoff 1988) on the
    /// next power of two, asked again until the place is one of the `n`. Each `key` gives another order.
    static int permuted(int i, int n, long key) {
        int bits = Integer.SIZE - Integer.numberOfLeadingZeros(n - 1);
        int low = (bits + 1) >>> 1;
        int lowMask = (1 << low) - 1;
        int highMask = (1 << (bits - low)) - 1;
        int place = i;
        do {
            int right = place & lowMask;
            int left = place >>> low;
            long round = key;
            for (int pass = 0; pass < 4; pass++) {
                left ^= blend(right ^ round) & highMask;
                right ^= blend(left ^ ~round) & lowMask;
                round += GOLDEN;
            }
            place = (left << low) | right;
        } while (place >= n);
        return place;
    }

    private static int blend(long z) {
        long y = (z ^ (z >>> 32)) * 0xBF58476D1CE4E5B9L;
        return (int) (((y ^ (y >>> 29)) * 0x94D049BB133111EBL) >>> 33);
    }

    /// A permutation of 32-bit numbers in which every bit depends on the lower ones alone (Laine, Karras 2011), so
    /// that the numbers from a multiple of a power of two on stay together.
    static int scrambled(int i, long key) {
        int x = i + (int) key;
        x ^= x * 0x6C50B47C;
        x ^= x * 0xB82F1E52;
        x ^= x * 0xC7AFE638;
        return x ^ (x * 0x8D22F6E6);
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
