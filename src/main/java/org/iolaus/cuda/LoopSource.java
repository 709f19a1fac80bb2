package org.iolaus.cuda;

import java.util.ArrayList;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.function.IntPredicate;
import org.iolaus.kernel.Loop;
import org.iolaus.tensor.Dim;
import org.iolaus.tensor.Sizes;

/// CUDA C++ for fused loops that differ only in their buffers, one in each row of blocks, the work of each shared as
/// [LoopLayout] says; constant extents and strides are literals, symbolic ones arguments.
///
/// Rows and elements are numbers of the type `offset`, which the text in front of the kernels sets: 32 bits, or 64
/// where an array needs it.
///
/// A register that varies over columns holds packs (`iolaus_pack`), any other one number. In a walk, what does not
/// change from row to row of a result is computed before it.
///
/// The argument structure holds for each loop, in this order and 8 bytes each: the address of every load, of every
/// load's index (only where one is read), of every store; for a walk over segments the addresses of their compressed
/// rows (`start`, `order`); the number of rows; for a walk the number of results, of walkers and the length of a chunk;
/// the values of the symbolic quantities.
final class LoopSource {
    private static final int LOADS_AT_ONCE = 12;
    static final int MOST_ROWS_AT_ONCE = 8;

    private final int count;
    private final Loop loop;
    private final LoopLayout layout;
    private final IntPredicate bf16;
    private final List<Loop.Load> loads;
    private final List<Loop.Store> stores;
    private final Map<Dim, String> symbolic = new LinkedHashMap<>();
    private final Set<Integer> packed = new HashSet<>();
    private final Set<Integer> fixed = new HashSet<>();
    private final StringBuilder code = new StringBuilder();
    private final String body;

    /// @param loops that differ only in their buffers
    /// @param bytes of a number
    /// @param bf16 whether a buffer's numbers are bfloat16
    LoopSource(List<Loop> loops, int bytes, IntPredicate bf16) {
        this.count = loops.size();
        this.loop = loops.getFirst();
        this.layout = LoopLayout.of(loop, 16 / bytes);
        this.bf16 = bf16;
        this.loads = loop.loads();
        this.stores = loop.stores();
        classify();
        this.body = write();
    }

    LoopLayout layout() {
        return layout;
    }

    /// The kernel's text but for its name: equal texts are one kernel.
    String body() {
        return body;
    }

    /// The text of a kernel.
    static String kernel(String name, String body) {
        return body.replace("@NAME@", name);
    }

    /// Values of the symbolic quantities, in the order of the argument structure.
    long[] symbolicValues(Sizes sizes) {
        return symbolic.keySet().stream().mapToLong(dim -> dim.value(sizes)).toArray();
    }

    /// Whether the kernel reads the index of a load: what a walk over its own segments gathers is known from
    /// the result.
    static boolean readsIndex(Loop loop, Loop.Load load) {
        return load.indexBuffer() != Loop.NO_INDEX && !followsWalk(loop, load);
    }

    private static boolean followsWalk(Loop loop, Loop.Load load) {
        return loop.walk() instanceof Loop.Walk.Segments segments
                && load.indexBuffer() == segments.indexBuffer()
                && loop.body().loads().contains(load);
    }

    private boolean walks() {
        return !(loop.walk() instanceof Loop.Walk.None);
    }

    // which registers vary over what

    private void classify() {
        for (Loop.Load load : loads) {
            if (variesOverColumns(load.strides())) {
                packed.add(load.register());
            }
            boolean moves = !isZero(load.strides(), 0, layout.rowExtents().size());
            if (walks() && (!moves || followsWalk(loop, load))) {
                fixed.add(load.register());
            }
        }
        classify(loop.body().instructions());
        for (Loop.RowSum sum : loop.sums()) {
            if (packed.contains(sum.operand())) {
                packed.add(sum.register());
            }
        }
        classify(loop.after().instructions());
    }

    private void classify(List<Loop.Instruction> instructions) {
        for (Loop.Instruction instruction : instructions) {
            List<Integer> operands = switch (instruction) {
                case Loop.Apply apply -> apply.operands();
                case Loop.ColumnSum sum -> List.of(sum.operand());
            };
            if (instruction instanceof Loop.Apply && operands.stream().anyMatch(packed::contains)) {
                packed.add(instruction.register());
            }
            if (walks() && fixed.containsAll(operands)) {
                fixed.add(instruction.register());
            }
        }
    }

    private boolean variesOverColumns(List<Dim> strides) {
        return !isZero(strides, layout.rowExtents().size(), layout.axes().size());
    }

    /// Whether nothing moves along axes of the layout.
    private boolean isZero(List<Dim> strides, int from, int to) {
        for (int axis = from; axis < to; axis++) {
            if (!isZero(stride(strides, axis))) {
                return false;
            }
        }
        return true;
    }

    private static boolean isZero(Dim dim) {
        return dim.factor() == 0;
    }

    /// Stride along an axis of the layout.
    private Dim stride(List<Dim> strides, int axis) {
        return strides.get(layout.axes().get(axis).getLast());
    }

    // the text

    private String write() {
        if (walks()) {
            walk();
        } else if (loop.columns() > 0) {
            rows();
        } else {
            flat();
        }
        boolean together = walks() || layout.lanes() > 1;
        String jobs = "struct @NAME@_jobs { @NAME@_args job[%d]; };\n".formatted(count);
        String head = (together ? "IOLAUS_BLOCK_KERNEL" : "IOLAUS_KERNEL") + "(@NAME@, @NAME@_jobs) {\n"
                + "  const @NAME@_args& job = args.job[blockIdx.y];\n";
        return arguments() + jobs + head + code + "}\n";
    }

    private String arguments() {
        StringBuilder text = new StringBuilder("struct @NAME@_args {\n");
        for (int k = 0; k < loads.size(); k++) {
            String type = type(loads.get(k).buffer());
            text.append("  const ").append(type).append("* p").append(k).append(";\n");
        }
        for (int k = 0; k < loads.size(); k++) {
            if (readsIndex(loop, loads.get(k))) {
                text.append("  const int* x").append(k).append(";\n");
            }
        }
        for (int k = 0; k < stores.size(); k++) {
            String type = type(stores.get(k).buffer());
            text.append("  ").append(type).append("* q").append(k).append(";\n");
        }
        if (loop.walk() instanceof Loop.Walk.Segments) {
            text.append("  const int* start;\n  const int* order;\n");
        }
        text.append("  long long rows;\n");
        if (walks()) {
            text.append("  long long results, walkers, chunk;\n");
        }
        symbolic.values()
                .forEach(name -> text.append("  long long ").append(name).append(";\n"));
        return text.append("};\n").toString();
    }

    /// Of the numbers of a buffer; registers are `T`.
    private String type(int buffer) {
        return bf16.test(buffer) ? "iolaus_bf16" : "T";
    }

    private void flat() {
        line("  const offset i = (offset) IOLAUS_GLOBAL_INDEX;");
        line("  if (i >= job.rows * %d) return;".formatted(layout.packs()));
        line("  const offset e = i / %du;".formatted(layout.packs()));
        line("  const unsigned c[1] = {(unsigned) (i %% %du) * %du};".formatted(layout.packs(), layout.pack()));
        statements("  ", loop.body(), "e", Part.ALL);
        stores("  ", loop.body(), "e", "true", "true");
    }

    private void rows() {
        line("  const unsigned lane = threadIdx.x %% %du;".formatted(layout.lanes()));
        line("  const offset item = (offset) blockIdx.x * (blockDim.x / %du) + threadIdx.x / %du;"
                .formatted(layout.lanes(), layout.lanes()));
        line("  const bool inside = item < job.rows;");
        line("  const offset e = inside ? item : 0;");
        columns("0");
        statements("  ", loop.body(), "e", Part.ALL);
        stores("  ", loop.body(), "e", "inside", "lane == 0");
    }

    private void walk() {
        boolean segments = loop.walk() instanceof Loop.Walk.Segments;
        line("  const unsigned walkers = (unsigned) job.walkers, group = threadIdx.x / %du;".formatted(layout.lanes()));
        line("  const unsigned lane = threadIdx.x %% %du, walker = group %% walkers;".formatted(layout.lanes()));
        line("  const offset item = (offset) blockIdx.x * (blockDim.x / (%du * walkers)) + group / walkers;"
                .formatted(layout.lanes()));
        line("  const unsigned tile = (unsigned) (item %% %du);".formatted(layout.tiles()));
        line("  const bool inside = item / %du < job.results;".formatted(layout.tiles()));
        line("  const offset r = inside ? item / %du : 0;".formatted(layout.tiles()));
        columns("tile");
        statements("  ", loop.body(), "r", Part.FIXED);
        for (Loop.RowSum sum : loop.sums()) {
            boolean pack = packed.contains(sum.operand());
            line("  iolaus_pack<T, %d> a%d[%d] = {};"
                    .formatted(pack ? layout.pack() : 1, sum.register(), pack ? layout.packsPerLane() : 1));
        }
        if (segments) {
            line("  const int from = inside ? job.start[r] : 0, to = inside ? job.start[r + 1] : 0;");
        } else {
            line("  const int from = (int) (r * job.chunk);");
            line("  const int to = inside ? (int) iolaus_min(from + job.chunk, job.rows) : 0;");
        }
        rowsOfWalk(segments);
        for (Loop.RowSum sum : loop.sums()) {
            line("  iolaus_sum_walkers(a%d, walker, %du, walkers);".formatted(sum.register(), layout.lanes()));
        }
        line("  if (!inside || walker != 0) return;");
        for (Loop.RowSum sum : loop.sums()) {
            declare("  ", sum.register());
            each(
                    "  ",
                    packed.contains(sum.register()),
                    "%s = a%d[k].v[v];".formatted(value(sum.register()), sum.register()));
        }
        statements("  ", loop.after(), "r", Part.ALL);
        stores("  ", loop.after(), "r", "true", "lane == 0");
    }

    /// The walk over a result's rows, several at a time: first all their loads are started, then they are used.
    private void rowsOfWalk(boolean segments) {
        List<Loop.Load> moving = loop.body().loads().stream()
                .filter(load -> !fixed.contains(load.register()))
                .toList();
        int count = Integer.highestOneBit(Math.clamp(LOADS_AT_ONCE / Math.max(1, moving.size()), 1, MOST_ROWS_AT_ONCE));
        String next = "for (int u = 0; u < %d; u++)".formatted(count);
        line("  for (int q = from + (int) walker; q < to; q += %d * (int) walkers) {".formatted(count));
        line("    offset e[%d];".formatted(count));
        line("    bool valid[%d];".formatted(count));
        line("#pragma unroll");
        line("    %s {".formatted(next));
        line("      const int p = q + u * (int) walkers;");
        line("      valid[u] = p < to;");
        line("      e[u] = valid[u] ? p : q;");
        if (segments) {
            line("      if (job.order) e[u] = job.order[e[u]];");
        }
        line("    }");
        for (Loop.Load load : moving) {
            String packs = "[%d]".formatted(layout.packsPerLane());
            boolean packedLoad = packed.contains(load.register());
            line("    %s l%d[%d]%s;"
                    .formatted(
                            packedLoad ? "iolaus_pack<T, %d>".formatted(layout.pack()) : "T",
                            load.register(),
                            count,
                            packedLoad ? packs : ""));
        }
        line("#pragma unroll");
        line("    %s {".formatted(next));
        moving.forEach(load -> load("      ", load, "e[u]", "l%d[u]".formatted(load.register())));
        line("    }");
        line("#pragma unroll");
        line("    %s {".formatted(next));
        for (Loop.Load load : moving) {
            line(
                    packed.contains(load.register())
                            ? "      const iolaus_pack<T, %d> (&r%d)[%d] = l%d[u];"
                                    .formatted(layout.pack(), load.register(), layout.packsPerLane(), load.register())
                            : "      const T r%d = l%d[u];".formatted(load.register(), load.register()));
        }
        instructions("      ", loop.body(), Part.MOVING);
        stores("      ", loop.body(), "e[u]", "valid[u]", "lane == 0");
        for (Loop.RowSum sum : loop.sums()) {
            each(
                    "      ",
                    packed.contains(sum.operand()),
                    "a%d[k].v[v] += valid[u] ? %s : T(0);".formatted(sum.register(), value(sum.operand())));
        }
        line("    }");
        line("  }");
    }

    /// Where this thread's packs begin, and whether they are within the row.
    private void columns(String tile) {
        int count = layout.packsPerLane();
        line("  unsigned c[%d];".formatted(count));
        line("  bool in[%d];".formatted(count));
        line("#pragma unroll");
        line("  for (int k = 0; k < %d; k++) {".formatted(count));
        line("    const unsigned pack = (%s + k) * %du + lane;".formatted(tile, layout.lanes()));
        line("    in[k] = pack < %du;".formatted(layout.packs()));
        line("    c[k] = in[k] ? pack * %du : 0;".formatted(layout.pack()));
        line("  }");
    }

    private enum Part {
        ALL,
        FIXED,
        MOVING
    }

    private boolean belongs(int register, Part part) {
        return part == Part.ALL || fixed.contains(register) == (part == Part.FIXED);
    }

    private void statements(String indent, Loop.Block block, String row, Part part) {
        for (Loop.Load load : block.loads()) {
            if (belongs(load.register(), part)) {
                declare(indent, load.register());
                load(indent, load, row, "r" + load.register());
            }
        }
        instructions(indent, block, part);
    }

    private void instructions(String indent, Loop.Block block, Part part) {
        for (Loop.Instruction instruction : block.instructions()) {
            if (!belongs(instruction.register(), part)) {
                continue;
            }
            declare(indent, instruction.register());
            switch (instruction) {
                case Loop.Apply apply -> {
                    String[] operands =
                            apply.operands().stream().map(this::value).toArray(String[]::new);
                    each(
                            indent,
                            packed.contains(apply.register()),
                            "%s = %s;"
                                    .formatted(
                                            value(apply.register()),
                                            apply.function().code(operands)));
                }
                case Loop.ColumnSum sum -> columnSum(indent, sum);
            }
        }
    }

    private void columnSum(String indent, Loop.ColumnSum sum) {
        if (!packed.contains(sum.operand())) {
            line("%sr%d = T(%d) * r%d;"
                    .formatted(indent, sum.register(), layout.packs() * layout.pack(), sum.operand()));
            return;
        }
        line("%sr%d = T(0);".formatted(indent, sum.register()));
        each(indent, true, "if (in[k]) r%d += %s;".formatted(sum.register(), value(sum.operand())));
        if (layout.lanes() > 1) {
            line("%sr%d = iolaus_sum_lanes<%d>(r%d);"
                    .formatted(indent, sum.register(), layout.lanes(), sum.register()));
        }
    }

    /// @param name of what is loaded, but for the number of a pack and of an element in it
    private void load(String indent, Loop.Load load, String row, String name) {
        int k = loads.indexOf(load);
        String from = "job.p%d + (%s)"
                .formatted(k, place(load.offsets(), load.strides(), row, readsIndex(loop, load) ? k : -1));
        if (!packed.contains(load.register())) {
            line("%s%s = iolaus_load<T, 1>(%s).v[0];".formatted(indent, name, from));
        } else if (isWide(load.offsets(), load.strides())) {
            packs(indent, "%s[k] = iolaus_load<T, %d>(%s);".formatted(name, layout.pack(), from));
        } else {
            Dim step = stride(load.strides(), layout.axes().size() - 1);
            each(indent, true, "%s[k].v[v] = iolaus_load<T, 1>(%s + v * %s).v[0];".formatted(name, from, text(step)));
        }
    }

    private void stores(String indent, Loop.Block block, String row, String inside, String first) {
        for (Loop.Store store : block.stores()) {
            int k = stores.indexOf(store);
            String to = "job.q%d + (%s)".formatted(k, place(store.offsets(), store.strides(), row, -1));
            boolean whole = layout.packs() % (layout.lanes() * layout.packsPerLane()) == 0;
            String guard = inside.equals("true") ? "" : "if (" + inside + ") ";
            boolean single = layout.lanes() == 1 && layout.packsPerLane() == 1;
            String within = whole || single ? "" : "if (in[k]) ";
            if (!variesOverColumns(store.strides())) {
                String once = layout.lanes() == 1 || first.equals("true") ? "" : "if (" + first + ") ";
                line("%s%s%s*(%s) = %s;"
                        .formatted(
                                indent, guard, once, to, value(store.register()).replace("[k].v[v]", "[0].v[0]")));
            } else if (packed.contains(store.register()) && isWide(store.offsets(), store.strides())) {
                packs(
                        indent,
                        "%s%siolaus_store<T, %d>(%s, r%d[k]);"
                                .formatted(guard, within, layout.pack(), to, store.register()));
            } else {
                Dim step = stride(store.strides(), layout.axes().size() - 1);
                each(
                        indent,
                        true,
                        "%s%s(%s)[v * %s] = %s;".formatted(guard, within, to, text(step), value(store.register())));
            }
        }
    }

    /// Whether packs can be moved as one: the innermost axis is contiguous and every step keeps the alignment.
    private boolean isWide(List<Dim> offsets, List<Dim> strides) {
        int last = layout.axes().size() - 1;
        boolean wide = stride(strides, last).isOne();
        for (int axis = 0; axis < last; axis++) {
            wide &= stride(strides, axis).factor() % layout.pack() == 0;
        }
        return wide && offsets.stream().allMatch(offset -> offset.factor() % layout.pack() == 0);
    }

    /// Element number of a pack's first element.
    ///
    /// @param index number of the load whose index the row goes through; -1 for none
    private String place(List<Dim> offsets, List<Dim> strides, String row, int index) {
        List<String> terms = new ArrayList<>();
        offsets.stream().filter(offset -> !isZero(offset)).forEach(offset -> terms.add(text(offset)));
        int rows = layout.rowExtents().size();
        for (int axis = 0; axis < layout.axes().size(); axis++) {
            Dim stride = stride(strides, axis);
            if (isZero(stride)) {
                continue;
            }
            String at = axis < rows
                    ? coordinate(row, layout.rowExtents(), axis)
                    : coordinate("c[k]", layout.columnExtents(), axis - rows);
            if (axis == 0 && index >= 0) {
                at = "(offset) job.x%d[%s]".formatted(index, at);
            }
            terms.add(stride.isOne() ? at : at + " * " + text(stride));
        }
        return terms.isEmpty() ? "0" : String.join(" + ", terms);
    }

    /// Coordinate along one axis of a number that counts over several.
    private String coordinate(String number, List<Dim> extents, int axis) {
        Dim inner = Dim.of(1);
        for (int i = axis + 1; i < extents.size(); i++) {
            inner = inner.times(extents.get(i));
        }
        String at = inner.isOne() ? number : number + " / " + text(inner);
        return axis == 0 ? at : at + " % " + text(extents.get(axis));
    }

    private void declare(String indent, int register) {
        if (packed.contains(register)) {
            line("%siolaus_pack<T, %d> r%d[%d];".formatted(indent, layout.pack(), register, layout.packsPerLane()));
        } else {
            line("%sT r%d;".formatted(indent, register));
        }
    }

    private String value(int register) {
        return packed.contains(register) ? "r" + register + "[k].v[v]" : "r" + register;
    }

    /// A statement for every element of this thread's packs, or one.
    private void each(String indent, boolean pack, String statement) {
        if (pack) {
            line("#pragma unroll");
            line("%sfor (int k = 0; k < %d; k++)".formatted(indent, layout.packsPerLane()));
            line("#pragma unroll");
            line("%s  for (int v = 0; v < %d; v++) %s".formatted(indent, layout.pack(), statement));
        } else {
            line("%s%s".formatted(indent, statement.replace("[k].v[v]", "[0].v[0]")));
        }
    }

    /// A statement for every pack of this thread.
    private void packs(String indent, String statement) {
        line("#pragma unroll");
        line("%sfor (int k = 0; k < %d; k++) %s".formatted(indent, layout.packsPerLane(), statement));
    }

    private void line(String text) {
        code.append(text).append('\n');
    }

    private String text(Dim dim) {
        return dim.isConstant()
                ? dim.factor() + "u"
                : "(offset) job." + symbolic.computeIfAbsent(dim, key -> "s" + symbolic.size());
    }
}
