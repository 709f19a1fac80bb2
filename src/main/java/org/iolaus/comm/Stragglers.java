package org.iolaus.comm;

import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.locks.LockSupport;
import java.util.stream.IntStream;
import mpi.Intracomm;
import mpi.MPI;
import mpi.MPIException;
import mpi.Status;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/// Finds the ranks that are late. Each rank counts the collectives that it has entered, and a thread of its own
/// tells the count to ranks that ask. So a rank that waits in vain can name those that have not arrived, and what
/// they do instead.
final class Stragglers implements AutoCloseable {
    private static final Logger LOG = LoggerFactory.getLogger(Stragglers.class);
    private static final int QUESTION = 1;
    private static final int ANSWER = 2;
    private static final int MESSAGE_BYTES = 512;
    private static final int HOST_BYTES = 64;
    private static final Duration LISTEN_EVERY = Duration.ofMillis(200);
    private static final Duration ANSWER_LIMIT = Duration.ofSeconds(5);

    /// A communicator, and how many of its collectives this rank has entered.
    static final class Members {
        private final String id;
        private final String name;
        private final int[] ranks;
        private int splits;
        private volatile long entered;

        /// @param id equal on all its ranks and different from those of other communicators
        /// @param name for messages: empty, or ` of group 1`
        /// @param ranks of its ranks, their ranks in the job
        private Members(String id, String name, int[] ranks) {
            this.id = id;
            this.name = name;
            this.ranks = ranks;
        }

        String name() {
            return name;
        }

        long entered() {
            return entered;
        }
    }

    /// @param members the communicator of the collective that was started last
    /// @param number its number
    /// @param what its name
    /// @param waits whether the rank waits for others; otherwise it computes
    /// @param since when that began, `System.nanoTime()`
    private record Place(Members members, long number, String what, boolean waits, long since) {
        @Override
        public String toString() {
            long seconds = (System.nanoTime() - since) / 1_000_000_000;
            String collective = "collective " + number + members.name;
            return waits
                    ? "waits in '%s' (%s) for %d s".formatted(what, collective, seconds)
                    : "busy elsewhere for %d s since '%s' (%s)".formatted(seconds, what, collective);
        }
    }

    private final Intracomm talk;
    private final int rank;
    /// Host names by rank, `HOST_BYTES` each, filled up with zeros.
    private final byte[] hosts;

    private final Members world;
    private final Map<String, Members> known = new ConcurrentHashMap<>();
    private final Thread listener;
    private volatile Place place;
    private volatile boolean closed;

    /// A collective.
    ///
    /// @param talk a communicator of all ranks that nobody else uses
    Stragglers(Intracomm talk, String host) throws MPIException {
        this.talk = talk;
        rank = talk.getRank();
        hosts = new byte[talk.getSize() * HOST_BYTES];
        byte[] mine = new byte[HOST_BYTES];
        byte[] name = host.getBytes(StandardCharsets.UTF_8);
        System.arraycopy(name, 0, mine, 0, Math.min(name.length, HOST_BYTES));
        talk.allGather(mine, HOST_BYTES, MPI.BYTE, hosts, HOST_BYTES, MPI.BYTE);
        world = new Members("", "", IntStream.range(0, talk.getSize()).toArray());
        known.put(world.id, world);
        place = new Place(world, 0, "start", false, System.nanoTime());
        listener = Thread.ofPlatform().daemon().name("stragglers").start(this::listen);
    }

    /// All ranks.
    Members world() {
        return world;
    }

    /// A group that a split made, called by its ranks once for each split.
    ///
    /// @param ranks of its ranks, their ranks in the job
    Members group(Members parent, int color, int[] ranks) {
        String id = parent.id + "/" + ++parent.splits + ":" + color;
        var group = new Members(id, Comms.groupName(parent.name, color), ranks);
        known.put(id, group);
        return group;
    }

    /// This rank starts a collective.
    ///
    /// @return its number
    long enter(Members members, String what) {
        long number = members.entered + 1;
        members.entered = number;
        place = new Place(members, number, what, false, System.nanoTime());
        return number;
    }

    /// This rank begins to wait for others.
    void await(Members members, long number, String what) {
        place = new Place(members, number, what, true, System.nanoTime());
    }

    /// This rank no longer waits.
    void resume() {
        Place last = place;
        place = new Place(last.members, last.number, last.what, false, System.nanoTime());
    }

    /// Asks all other members, which takes a few seconds.
    ///
    /// @return for messages: which of them have not arrived at a collective
    String missing(Members members, long number) {
        try {
            return report(members, number, ask(members));
        } catch (MPIException e) {
            return "and MPI failed when the others were asked where they are: " + e.getMessage();
        }
    }

    @Override
    public void close() {
        closed = true;
        LockSupport.unpark(listener);
        try {
            listener.join();
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }

    private String host(int rank) {
        return new String(hosts, rank * HOST_BYTES, HOST_BYTES, StandardCharsets.UTF_8).replace("\0", "");
    }

    private record Answer(long entered, String text) {}

    /// A question is a communicator's id; an answer is the number of its collectives that this rank has entered,
    /// and where this rank is.
    private void listen() {
        ByteBuffer buffer = MPI.newByteBuffer(MESSAGE_BYTES);
        try {
            while (!closed) {
                Status question = talk.iProbe(MPI.ANY_SOURCE, QUESTION);
                if (question == null) {
                    LockSupport.parkNanos(LISTEN_EVERY.toNanos());
                    continue;
                }
                byte[] id = new byte[question.getCount(MPI.BYTE)];
                talk.recv(buffer, id.length, MPI.BYTE, question.getSource(), QUESTION);
                buffer.get(0, id);
                Members asked = known.get(new String(id, StandardCharsets.UTF_8));
                byte[] text = place.toString().getBytes(StandardCharsets.UTF_8);
                int length = Math.min(text.length, MESSAGE_BYTES - Long.BYTES);
                buffer.putLong(0, asked == null ? 0 : asked.entered).put(Long.BYTES, text, 0, length);
                talk.send(buffer, Long.BYTES + length, MPI.BYTE, question.getSource(), ANSWER);
            }
        } catch (MPIException e) {
            LOG.warn("rank {} no longer answers where it is: {}", rank, e.getMessage());
        }
    }

    /// The answers by rank in the job; a rank that did not answer in time has none, nor has this one.
    private Map<Integer, Answer> ask(Members members) throws MPIException {
        byte[] id = members.id.getBytes(StandardCharsets.UTF_8);
        ByteBuffer question = MPI.newByteBuffer(id.length + 1).put(0, id);
        for (int other : members.ranks) {
            if (other != rank) {
                talk.iSend(question, id.length, MPI.BYTE, other, QUESTION);
            }
        }
        Map<Integer, Answer> answers = new ConcurrentHashMap<>();
        ByteBuffer buffer = MPI.newByteBuffer(MESSAGE_BYTES);
        long begin = System.nanoTime();
        while (answers.size() < members.ranks.length - 1 && System.nanoTime() - begin < ANSWER_LIMIT.toNanos()) {
            Status answer = talk.iProbe(MPI.ANY_SOURCE, ANSWER);
            if (answer == null) {
                LockSupport.parkNanos(1_000_000);
                continue;
            }
            int length = answer.getCount(MPI.BYTE);
            talk.recv(buffer, length, MPI.BYTE, answer.getSource(), ANSWER);
            byte[] text = new byte[length - Long.BYTES];
            buffer.get(Long.BYTES, text);
            answers.put(answer.getSource(), new Answer(buffer.getLong(0), new String(text, StandardCharsets.UTF_8)));
        }
        return answers;
    }

    private String report(Members members, long number, Map<Integer, Answer> answers) {
        var late = new ArrayList<String>();
        for (int other : members.ranks) {
            @Nullable Answer answer = answers.get(other);
            if (other != rank && (answer == null || answer.entered < number)) {
                String what = answer == null ? "does not answer" : answer.text;
                late.add("rank %d on %s %s".formatted(other, host(other), what));
            }
        }
        return late.isEmpty()
                ? "all ranks have arrived, the network does not move"
                : "not arrived: " + String.join("; ", late);
    }
}
