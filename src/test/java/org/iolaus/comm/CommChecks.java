package org.iolaus.comm;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.SplittableRandom;
import java.util.stream.IntStream;

/// What every communicator has to do, run by every rank of one.
final class CommChecks {
    private static final int[] LENGTHS = {0, 1, 2, 31, 33, 127, 4098, (1 << 20) + 3};

    private CommChecks() {}

    /// All checks on these ranks, and on groups of them at the same time.
    static void all(Comm comm) {
        contract(comm);
        groups(comm);
        sumsOfAGroupAndOfAllAtOnce(comm);
        assertThrows(CommException.class, () -> comm.split(-1, 0));
        comm.barrier();
    }

    private static void contract(Comm comm) {
        placesAreConsistent(comm);
        sums(comm);
        sumsOfPartsLeaveTheRest(comm);
        bucketsInFlight(comm);
        broadcasts(comm);
        gathers(comm);
        agreements(comm);
        comm.barrier();
    }

    private static void groups(Comm comm) {
        int color = comm.rank() % 2;
        Comm group = comm.split(color, -comm.rank());
        List<Integer> members = IntStream.range(0, comm.size())
                .filter(rank -> rank % 2 == color)
                .map(rank -> -rank)
                .sorted()
                .map(rank -> -rank)
                .boxed()
                .toList();
        assertEquals(members.size(), group.size());
        assertEquals(members.indexOf(comm.rank()), group.rank());
        assertEquals(comm.host(), group.host());
        for (int more = 0; more < 50 * color; more++) { // groups need not keep step
            group.barrier();
        }
        contract(group);
        Comm within = group.split(group.rank() / 2, 0);
        assertEquals(Math.min(2, group.size() - group.rank() / 2 * 2), within.size());
        contract(within);
        Comm alone = comm.split(comm.rank(), 0);
        assertEquals(1, alone.size());
        contract(alone);
        Comm same = comm.split(7, 0);
        assertEquals(comm.rank(), same.rank());
        assertEquals(comm.size(), same.size());
    }

    private static void sumsOfAGroupAndOfAllAtOnce(Comm comm) {
        Comm group = comm.split(comm.rank() / 2, 0);
        double[] ofAll = {1};
        double[] ofGroup = {1};
        Pending all = comm.sumAsync(ofAll, 0, 1);
        Pending some = group.sumAsync(ofGroup, 0, 1);
        assertEquals(group.size(), group.sum(1L));
        some.await();
        all.await();
        assertEquals(comm.size(), ofAll[0]);
        assertEquals(group.size(), ofGroup[0]);
    }

    private static void placesAreConsistent(Comm comm) {
        assertTrue(comm.rank() >= 0 && comm.rank() < comm.size());
        assertEquals(comm.rank() == 0, comm.isRoot());
        assertTrue(comm.localRank() <= comm.rank());
        assertFalse(comm.host().isBlank());
        assertEquals(comm.size(), comm.sum(1L));
        assertEquals(comm.size() - 1L, comm.max(comm.rank()));
    }

    private static void sums(Comm comm) {
        for (int length : LENGTHS) {
            double[] mine = values(comm.rank(), length);
            comm.sum(mine);
            assertArrayEquals(total(comm.size(), length), mine, 1e-14 * comm.size(), "sum of " + length);
            double[] again = values(comm.rank(), length);
            comm.sum(again);
            assertArrayEquals(mine, again, "the same bits again");
            double[] root = mine.clone();
            comm.broadcast(root, 0);
            assertArrayEquals(root, mine, "the same bits on every rank");
        }
        assertEquals(0.5 * comm.size(), comm.sum(0.5));
    }

    private static void sumsOfPartsLeaveTheRest(Comm comm) {
        double[] values = new double[10];
        Arrays.fill(values, 1);
        comm.sum(values, 3, 4);
        int n = comm.size();
        assertArrayEquals(new double[] {1, 1, 1, n, n, n, n, 1, 1, 1}, values);
        assertThrows(IndexOutOfBoundsException.class, () -> comm.sum(values, 7, 4));
    }

    /// As the gradient does it: many buckets started one after another, other collectives meanwhile, awaited out
    /// of order.
    private static void bucketsInFlight(Comm comm) {
        int buckets = 9;
        int length = 5000;
        double[] gradient = values(comm.rank(), buckets * length);
        double[] expected = gradient.clone();
        comm.sum(expected);
        List<Pending> pending = new ArrayList<>();
        for (int bucket = buckets - 1; bucket >= 0; bucket--) {
            pending.add(comm.sumAsync(gradient, bucket * length, length));
        }
        assertEquals(3L * comm.size(), comm.sum(3L));
        while (!pending.get(4).done()) {
            Thread.onSpinWait();
        }
        pending.reversed().forEach(Pending::await);
        assertArrayEquals(expected, gradient, 1e-14 * comm.size());
    }

    private static void broadcasts(Comm comm) {
        for (int root = 0; root < comm.size(); root++) {
            for (int length : LENGTHS) {
                double[] values = values(comm.rank(), length);
                comm.broadcast(values, root);
                assertArrayEquals(values(root, length), values);
                byte[] bytes = comm.broadcast(comm.rank() == root ? bytes(root, length) : new byte[0], root);
                assertArrayEquals(bytes(root, length), bytes);
            }
        }
        assertThrows(CommException.class, () -> comm.broadcast(new double[1], comm.size()));
    }

    private static void gathers(Comm comm) {
        for (int root = 0; root < comm.size(); root++) {
            for (int length : LENGTHS) {
                List<byte[]> all = comm.gather(bytes(comm.rank(), length + comm.rank()), root);
                assertEquals(comm.rank() == root ? comm.size() : 0, all.size());
                for (int rank = 0; rank < all.size(); rank++) {
                    assertArrayEquals(bytes(rank, length + rank), all.get(rank));
                }
            }
        }
    }

    private static void agreements(Comm comm) {
        int last = comm.size() - 1;
        assertTrue(comm.any(comm.rank() == last));
        assertFalse(comm.any(false));
        assertTrue(comm.all(true));
        assertEquals(comm.size() == 1, comm.all(comm.rank() == 0));
        assertEquals(-7, comm.min(comm.rank() - 7L));
        assertEquals(Long.MIN_VALUE, comm.min(comm.rank() == last ? Long.MIN_VALUE : Long.MAX_VALUE));
    }

    private static double[] values(int rank, int length) {
        return new SplittableRandom(rank).doubles(length, -1, 1).toArray();
    }

    private static double[] total(int ranks, int length) {
        double[] total = new double[length];
        for (int rank = 0; rank < ranks; rank++) {
            double[] part = values(rank, length);
            for (int i = 0; i < length; i++) {
                total[i] += part[i];
            }
        }
        return total;
    }

    private static byte[] bytes(int rank, int length) {
        byte[] bytes = new byte[length];
        new SplittableRandom(rank).nextBytes(bytes);
        return bytes;
    }
}
