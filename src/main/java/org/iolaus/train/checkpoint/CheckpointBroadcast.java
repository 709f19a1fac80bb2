package org.iolaus.train.checkpoint;

import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.ObjectInputStream;
import java.io.ObjectOutputStream;
import java.io.UncheckedIOException;
import java.nio.file.Path;
import java.util.Map;
import java.util.Objects;
import java.util.TreeMap;
import org.iolaus.comm.Comm;
import org.iolaus.tensor.HostTensor;
import org.jspecify.annotations.Nullable;

/// Gives a checkpoint to all ranks. Rank zero alone reads the file: thousands of ranks that read it together would be
/// too much for a file system.
public final class CheckpointBroadcast {
    private CheckpointBroadcast() {}

    /// Reads a file on rank zero. A collective.
    ///
    /// @throws org.iolaus.data.DataException on rank zero, as [Checkpoint#read] does
    public static Checkpoint read(Comm comm, Path path) {
        return send(comm, comm.isRoot() ? Checkpoint.read(path) : null);
    }

    /// Sends rank zero's checkpoint: facts and shapes in one message, then each array. A collective.
    ///
    /// @param ofRankZero null on the other ranks
    public static Checkpoint send(Comm comm, @Nullable Checkpoint ofRankZero) {
        Message mine = ofRankZero == null ? null : new Message(ofRankZero.facts(), ofRankZero.arrays());
        byte[] head = comm.broadcast(mine == null ? new byte[0] : mine.head(), 0);
        Message message = mine == null ? Message.of(head) : mine;
        message.arrays.values().forEach(array -> comm.broadcast(array.data(), 0));
        return ofRankZero == null ? Checkpoint.of(message) : ofRankZero;
    }

    private record Message(Map<String, Object> facts, Map<String, HostTensor> arrays) implements Checkpoint.Source {

        /// Facts, then the shapes of the arrays.
        byte[] head() {
            Map<String, int[]> shapes = new TreeMap<>();
            arrays.forEach((path, array) -> shapes.put(path, array.shape()));
            ByteArrayOutputStream bytes = new ByteArrayOutputStream();
            try (ObjectOutputStream out = new ObjectOutputStream(bytes)) {
                out.writeObject(new TreeMap<>(facts));
                out.writeObject(shapes);
            } catch (IOException e) {
                throw new UncheckedIOException(e);
            }
            return bytes.toByteArray();
        }

        /// Its arrays are zero until they are received.
        @SuppressWarnings("unchecked")
        static Message of(byte[] head) {
            try (ObjectInputStream in = new ObjectInputStream(new ByteArrayInputStream(head))) {
                Map<String, Object> facts = (Map<String, Object>) in.readObject();
                Map<String, HostTensor> arrays = new TreeMap<>();
                ((Map<String, int[]>) in.readObject())
                        .forEach((path, shape) -> arrays.put(
                                path, new HostTensor(shape, new double[Math.toIntExact(HostTensor.volume(shape))])));
                return new Message(facts, arrays);
            } catch (IOException e) {
                throw new UncheckedIOException(e);
            } catch (ClassNotFoundException e) {
                throw new IllegalStateException(e);
            }
        }

        private Object fact(String path) {
            return Objects.requireNonNull(facts.get(path), path);
        }

        @Override
        public String text(String path) {
            return (String) fact(path);
        }

        @Override
        public long integer(String path) {
            return (Long) fact(path);
        }

        @Override
        public double number(String path) {
            return (Double) fact(path);
        }

        @Override
        public Map<String, HostTensor> arrays(String group) {
            Map<String, HostTensor> found = new TreeMap<>();
            arrays.forEach((path, array) -> {
                if (path.startsWith(group + "/")) {
                    found.put(path.substring(group.length() + 1), array);
                }
            });
            return found;
        }
    }
}
