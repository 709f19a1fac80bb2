package org.iolaus.comm;

import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.concurrent.locks.LockSupport;
import mpi.Intracomm;
import mpi.MPI;
import mpi.MPIException;
import mpi.Status;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/// Knows which collective this rank is at and tells other ranks that ask, from a thread of its own, so that
/// a rank that waits in vain can name those that have not arrived, and what they do instead.
final class Arrivals implements AutoCloseable {
    private static final Logger LOG = LoggerFactory.getLogger(Arrivals.class);
    private static final int QUESTION = 1;
    private static final int ANSWER = 2;
    private static final int MESSAGE_BYTES = 512;
    private static final Duration LISTEN_EVERY = Duration.ofMillis(200);
    private static final Duration PATIENCE = Duration.ofSeconds(5);

    /// @param entered number of the collective that was started last
    /// @param what its name
    /// @param waits whether the rank waits for others; otherwise it computes
    /// @param since when that began, `System.nanoTime()`
    private record Place(long entered, String what, boolean waits, long since) {
        @Override
        public String toString() {
            long seconds = (System.nanoTime() - since) / 1_000_000_000;
            return waits
                    ? "waits in '%s' (collective %d) for %d s".formatted(what, entered, seconds)
                    : "busy elsewhere for %d s since '%s' (collective %d)".formatted(seconds, what, entered);
        }
    }

    private final Intracomm talk;
    private final String host;
    private final int rank;
    private final int size;
    private final Thread listener;
    private volatile Place place = new Place(0, "start", false, System.nanoTime());
    private volatile boolean closed;

    /// @param talk a communicator that nobody else uses
    Arrivals(Intracomm talk, String host) throws MPIException {
        this.talk = talk;
        this.host = host;
        rank = talk.getRank();
        size = talk.getSize();
        listener = Thread.ofPlatform().daemon().name("arrivals").start(this::listen);
    }

    void enter(long number, String what) {
        place = new Place(number, what, false, System.nanoTime());
    }

    void await(String what) {
        place = new Place(place.entered, what, true, System.nanoTime());
    }

    void resume() {
        place = new Place(place.entered, place.what, false, System.nanoTime());
    }

    /// Asks all other ranks and says which of them have not arrived at this collective; takes a few seconds.
    String missing(long number) {
        try {
            return report(number, ask());
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

    private record Answer(long entered, String text) {}

    private void listen() {
        ByteBuffer buffer = MPI.newByteBuffer(MESSAGE_BYTES);
        try {
            while (!closed) {
                Status question = talk.iProbe(MPI.ANY_SOURCE, QUESTION);
                if (question == null) {
                    LockSupport.parkNanos(LISTEN_EVERY.toNanos());
                    continue;
                }
                talk.recv(buffer, 0, MPI.BYTE, question.getSource(), QUESTION);
                Place now = place;
                byte[] text = "rank %d on %s %s".formatted(rank, host, now).getBytes(StandardCharsets.UTF_8);
                int length = Math.min(text.length, MESSAGE_BYTES - Long.BYTES);
                buffer.putLong(0, now.entered).put(Long.BYTES, text, 0, length);
                talk.send(buffer, Long.BYTES + length, MPI.BYTE, question.getSource(), ANSWER);
            }
        } catch (MPIException e) {
            LOG.warn("rank {} no longer answers where it is: {}", rank, e.getMessage());
        }
    }

    /// The answers by rank; null from those that did not answer in time, and from this one.
    private @Nullable Answer[] ask() throws MPIException {
        var answers = new @Nullable Answer[size];
        ByteBuffer empty = MPI.newByteBuffer(1);
        for (int other = 0; other < size; other++) {
            if (other != rank) {
                talk.iSend(empty, 0, MPI.BYTE, other, QUESTION);
            }
        }
        ByteBuffer buffer = MPI.newByteBuffer(MESSAGE_BYTES);
        long begin = System.nanoTime();
        for (int open = size - 1; open > 0 && System.nanoTime() - begin < PATIENCE.toNanos(); ) {
            Status answer = talk.iProbe(MPI.ANY_SOURCE, ANSWER);
            if (answer == null) {
                LockSupport.parkNanos(1_000_000);
                continue;
            }
            int length = answer.getCount(MPI.BYTE);
            talk.recv(buffer, length, MPI.BYTE, answer.getSource(), ANSWER);
            byte[] text = new byte[length - Long.BYTES];
            buffer.get(Long.BYTES, text);
            answers[answer.getSource()] = new Answer(buffer.getLong(0), new String(text, StandardCharsets.UTF_8));
            open--;
        }
        return answers;
    }

    private String report(long number, @Nullable Answer[] answers) {
        var late = new ArrayList<String>();
        for (int other = 0; other < size; other++) {
            Answer answer = answers[other];
            if (other != rank && answer == null) {
                late.add("rank " + other + " does not answer");
            } else if (answer != null && answer.entered < number) {
                late.add(answer.text);
            }
        }
        return late.isEmpty()
                ? "all ranks have arrived, the network does not move"
                : "not arrived: " + String.join("; ", late);
    }
}
