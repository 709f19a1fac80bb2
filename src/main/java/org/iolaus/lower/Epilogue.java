package org.iolaus.lower;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import org.iolaus.kernel.Loop;
import org.iolaus.lower.Schedule.Call;
import org.iolaus.lower.Schedule.Fused;
import org.iolaus.lower.Schedule.Step;
import org.iolaus.lower.Schedule.Storage;
import org.iolaus.op.MatMul;
import org.iolaus.tensor.Dim;
import org.jspecify.annotations.Nullable;

/// A loop that can run at the end of the kernel that computes the products that it waits for: it reads them element by
/// element, whole or in parts of its own shape (every third row, a run of columns), and nothing else that it reads is
/// ready later than they are.
///
/// A product is not written if all that read it are epilogues and need different parts; else the first of its readers
/// that needs all of it writes it for the others. Where the loop sums over rows too, it is taken apart: its elements
/// are the epilogue, the sums a loop that nothing urgent waits for.
///
/// @param step number of the loop's step
/// @param loop what is done with each element, without sums
/// @param rest the sums; null if there are none
/// @param parts of products, in the order of the loop's loads of them
/// @param written numbers of the steps of those products that are written
public record Epilogue(int step, Loop loop, @Nullable Loop rest, List<Part> parts, Set<Integer> written) {
    private static final int MOST_PARTS = 4;

    /// What a loop reads of a product: rows `row`, `row + every`, ..., as many columns as the loop has from `column`
    /// on.
    ///
    /// @param product number of the product's step
    /// @param register of the loop
    public record Part(int product, int register, long every, long row, long column) {}

    /// The numbers of the steps of the products.
    public Set<Integer> products() {
        Set<Integer> products = new TreeSet<>();
        parts.forEach(part -> products.add(part.product));
        return products;
    }

    /// The buffers that the products and the loop read.
    public Set<Integer> reads(Schedule schedule) {
        Set<Integer> read = new TreeSet<>(Schedule.reads(new Fused(List.of(loop))));
        for (int product : products()) {
            read.removeAll(Schedule.writes(schedule.steps().get(product)));
            read.addAll(Schedule.reads(schedule.steps().get(product)));
        }
        return read;
    }

    /// The buffers that the products and the loop write.
    public Set<Integer> writes(Schedule schedule) {
        Set<Integer> write = new TreeSet<>(Schedule.writes(new Fused(List.of(loop))));
        written.forEach(product -> write.addAll(Schedule.writes(schedule.steps().get(product))));
        return write;
    }

    /// The epilogues of a schedule by the steps of their loops.
    public static Map<Integer, Epilogue> of(Schedule schedule) {
        return new Finder(schedule).epilogues();
    }

    private static final class Finder {
        private final Schedule schedule;
        private final Map<Integer, List<Integer>> readers = new HashMap<>();
        private final Map<Integer, List<Integer>> writers = new HashMap<>();
        private final int[] depth;
        private final Map<Integer, Epilogue> found = new TreeMap<>();

        Finder(Schedule schedule) {
            this.schedule = schedule;
            List<Step> steps = schedule.steps();
            depth = new int[steps.size()];
            for (int at = 0; at < depth.length; at++) {
                for (int buffer : new HashSet<>(Schedule.reads(steps.get(at)))) {
                    readers.computeIfAbsent(buffer, key -> new ArrayList<>()).add(at);
                    for (int writer : writers.getOrDefault(buffer, List.of())) {
                        depth[at] = Math.max(depth[at], depth[writer] + 1);
                    }
                }
                for (int buffer : Schedule.writes(steps.get(at))) {
                    writers.computeIfAbsent(buffer, key -> new ArrayList<>()).add(at);
                }
            }
            for (int at = 0; at < depth.length; at++) {
                if (steps.get(at) instanceof Fused fused && fused.loops().size() == 1) {
                    Epilogue epilogue = candidate(at, fused.loops().getFirst());
                    if (epilogue != null) {
                        found.put(at, epilogue);
                    }
                }
            }
        }

        private @Nullable Epilogue candidate(int at, Loop loop) {
            boolean shaped = !(loop.walk() instanceof Loop.Walk.Segments)
                    && loop.columns() == 0
                    && loop.iteration().rank() == 2
                    && !loop.iteration().dim(0).isConstant()
                    && loop.iteration().dim(1).isConstant()
                    && !loop.body().stores().isEmpty();
            if (!shaped) {
                return null;
            }
            Set<Integer> products = new TreeSet<>();
            for (int buffer : Schedule.reads(schedule.steps().get(at))) {
                for (int writer : writers.getOrDefault(buffer, List.of())) {
                    if (depth[writer] == depth[at] - 1) {
                        if (!isProduct(writer)) {
                            return null;
                        }
                        products.add(writer);
                    }
                }
            }
            List<Part> parts = new ArrayList<>();
            for (Loop.Load load : loop.loads()) {
                for (int writer : writers.getOrDefault(load.buffer(), List.of())) {
                    if (products.contains(writer)) {
                        Part part = loop.body().loads().contains(load) ? part(writer, load, loop) : null;
                        if (part == null) {
                            return null;
                        }
                        parts.add(part);
                    }
                }
            }
            if (parts.isEmpty() || parts.size() > MOST_PARTS || !agree(products)) {
                return null;
            }
            boolean sums = !(loop.walk() instanceof Loop.Walk.None);
            Loop elements = Loop.plain(loop.iteration(), loop.registers(), loop.body());
            Loop.Block read = new Loop.Block(loop.body().loads(), loop.body().instructions(), List.of());
            Loop rest = sums
                    ? new Loop(loop.iteration(), 0, loop.registers(), loop.walk(), read, loop.sums(), loop.after())
                    : null;
            return new Epilogue(at, elements, rest, List.copyOf(parts), Set.of());
        }

        private boolean isProduct(int step) {
            return schedule.steps().get(step) instanceof Call call
                    && call.op() instanceof MatMul product
                    && !product.transposeA()
                    && call.node().shape().rank() == 2
                    && call.node().shape().dim(1).isConstant()
                    && schedule.buffers().get(call.out()).storage() == Storage.ARENA
                    && !schedule.outputs().containsValue(call.out());
        }

        /// Whether one kernel can compute all the products: stored alike.
        private boolean agree(Set<Integer> products) {
            return products.stream()
                            .map(step -> {
                                Call call = product(step);
                                return List.of(
                                        ((MatMul) call.op()).transposeB(),
                                        schedule.buffers()
                                                .get(call.inputs().getFirst())
                                                .narrow(),
                                        schedule.buffers().get(call.out()).narrow());
                            })
                            .distinct()
                            .count()
                    == 1;
        }

        private Call product(int step) {
            return (Call) schedule.steps().get(step);
        }

        private @Nullable Part part(int product, Loop.Load load, Loop loop) {
            List<Dim> extents = product(product).node().shape().dims();
            Dim across = load.strides().get(0);
            boolean plain = load.indexBuffer() == Loop.NO_INDEX
                    && load.offsets().stream().allMatch(Dim::isConstant)
                    && across.isConstant()
                    && load.strides().get(1).isOne();
            if (!plain) {
                return null;
            }
            long width = extents.get(1).longValue();
            long columns = loop.iteration().dim(1).longValue();
            long offset = load.offsets().stream().mapToLong(Dim::longValue).sum();
            long every = across.longValue() / width;
            boolean within = across.longValue() % width == 0
                    && every > 0
                    && extents.get(0).equals(loop.iteration().dim(0).times(Dim.of(every)))
                    && offset / width < every
                    && offset % width + columns <= width;
            return within ? new Part(product, load.register(), every, offset / width, offset % width) : null;
        }

        /// Leaves the epilogues out that would need a product before it is there, and finds which products are written.
        Map<Integer, Epilogue> epilogues() {
            boolean changed = true;
            while (changed) {
                changed = false;
                for (int product : products()) {
                    List<Integer> users = readers.getOrDefault(product(product).out(), List.of());
                    if (!isUsedUp(product, users)) {
                        boolean first = writesAll(product, users.getFirst());
                        for (int user : users.subList(first ? 1 : 0, users.size())) {
                            changed |= has(user, product) && found.remove(user) != null;
                        }
                    }
                }
            }
            Map<Integer, Epilogue> result = new TreeMap<>();
            found.forEach((step, epilogue) -> {
                Set<Integer> written = new TreeSet<>();
                for (int product : epilogue.products()) {
                    if (!isUsedUp(product, readers.getOrDefault(product(product).out(), List.of()))) {
                        written.add(product);
                    }
                }
                result.put(step, new Epilogue(step, epilogue.loop, epilogue.rest, epilogue.parts, Set.copyOf(written)));
            });
            return result;
        }

        private Set<Integer> products() {
            Set<Integer> products = new TreeSet<>();
            found.values().forEach(epilogue -> products.addAll(epilogue.products()));
            return products;
        }

        private boolean has(int step, int product) {
            Epilogue epilogue = found.get(step);
            return epilogue != null && epilogue.products().contains(product);
        }

        /// Whether all that read a product are epilogues, and of different parts.
        private boolean isUsedUp(int product, List<Integer> users) {
            List<Epilogue> epilogues = new ArrayList<>();
            for (int user : users) {
                Epilogue epilogue = found.get(user);
                if (epilogue == null || epilogue.rest != null || !has(user, product)) {
                    return false;
                }
                epilogues.add(epilogue);
            }
            return areApart(product, epilogues);
        }

        /// Whether the first to read a product has all of it.
        private boolean writesAll(int product, int user) {
            Epilogue epilogue = found.get(user);
            if (epilogue == null || !has(user, product) || !areApart(product, List.of(epilogue))) {
                return false;
            }
            List<Part> own = epilogue.parts.stream()
                    .filter(part -> part.product == product)
                    .toList();
            long columns = epilogue.loop.iteration().dim(1).longValue();
            long width = product(product).node().shape().dim(1).longValue();
            return own.size() * columns == own.getFirst().every * width;
        }

        private static boolean areApart(int product, List<Epilogue> epilogues) {
            Set<List<Long>> seen = new HashSet<>();
            for (Epilogue epilogue : epilogues) {
                long columns = epilogue.loop.iteration().dim(1).longValue();
                long first = epilogues.getFirst().loop.iteration().dim(1).longValue();
                for (Part part : epilogue.parts) {
                    boolean other = part.product == product
                            && (columns != first
                                    || part.column % columns != 0
                                    || !seen.add(List.of(part.every, part.row, part.column)));
                    if (other) {
                        return false;
                    }
                }
            }
            return true;
        }
    }
}
