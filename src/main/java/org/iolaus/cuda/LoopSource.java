package org.iolaus.cuda;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.iolaus.kernel.Loop;
import org.iolaus.tensor.Dim;
import org.iolaus.tensor.Sizes;

/// CUDA C++ for a fused loop: one thread per element, constant extents and strides as literals, symbolic ones as
/// arguments.
///
/// The argument structure holds, in this order and 8 bytes each: the address of every load, of every load's index (only
/// where it has one), of every store, the number of elements, the values of the symbolic quantities.
final class LoopSource {
    private final Loop loop;
    private final List<Dim> extents = new ArrayList<>();
    private final List<List<Dim>> strides = new ArrayList<>();
    private final Map<Dim, String> symbolic = new LinkedHashMap<>();
    private final String body;

    LoopSource(Loop loop) {
        this.loop = loop;
        extents.addAll(loop.iteration().dims());
        loop.loads().forEach(load -> strides.add(new ArrayList<>(load.strides())));
        mergeAxes();
        this.body = write();
    }

    /// Takes two neighbouring axes as one where every load walks them in one stride.
    private void mergeAxes() {
        for (int axis = extents.size() - 2; axis >= 0; axis--) {
            Dim inner = extents.get(axis + 1);
            boolean merges = true;
            for (int k = 0; k < strides.size() && merges; k++) {
                Dim outerStride = strides.get(k).get(axis);
                Dim innerStride = strides.get(k).get(axis + 1);
                boolean indexed = axis == 0 && loop.loads().get(k).indexBuffer() != Loop.NO_INDEX;
                boolean single = extents.get(axis).isOne() || inner.isOne();
                merges = !indexed && (single || outerStride.equals(innerStride.times(inner)));
            }
            if (!merges) {
                continue;
            }
            boolean innerIsOne = inner.isOne();
            extents.set(axis, extents.get(axis).times(inner));
            extents.remove(axis + 1);
            for (List<Dim> stride : strides) {
                if (!innerIsOne) {
                    stride.set(axis, stride.get(axis + 1));
                }
                stride.remove(axis + 1);
            }
        }
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

    private String write() {
        StringBuilder code = new StringBuilder();
        int rank = extents.size();
        StringBuilder statements = new StringBuilder();
        // coordinates, innermost first
        boolean[] needed = new boolean[rank];
        for (int k = 0; k < strides.size(); k++) {
            for (int axis = 0; axis < rank; axis++) {
                boolean indexed = axis == 0 && loop.loads().get(k).indexBuffer() != Loop.NO_INDEX;
                needed[axis] |= indexed || !isZero(strides.get(k).get(axis));
            }
        }
        int outermost = 0;
        while (outermost < rank && !needed[outermost]) {
            outermost++;
        }
        String rest = "i";
        for (int axis = rank - 1; axis >= outermost; axis--) {
            if (axis == 0) {
                statements.append("  const unsigned c0 = ").append(rest).append(";\n");
            } else {
                String extent = text(extents.get(axis));
                if (needed[axis]) {
                    statements.append("  const unsigned c%d = %s %% %s;\n".formatted(axis, rest, extent));
                }
                if (axis > outermost) {
                    statements.append("  const unsigned d%d = %s / %s;\n".formatted(axis, rest, extent));
                    rest = "d" + axis;
                }
            }
        }
        for (int k = 0; k < strides.size(); k++) {
            Loop.Load load = loop.loads().get(k);
            List<String> terms = new ArrayList<>();
            load.offsets().forEach(offset -> terms.add(text(offset)));
            for (int axis = 0; axis < rank; axis++) {
                Dim stride = strides.get(k).get(axis);
                boolean indexed = axis == 0 && load.indexBuffer() != Loop.NO_INDEX;
                if (!isZero(stride)) {
                    String at = indexed ? "(unsigned) args.x" + k + "[c0]" : "c" + axis;
                    terms.add(stride.isOne() ? at : at + " * " + text(stride));
                }
            }
            String at = terms.isEmpty() ? "0" : String.join(" + ", terms);
            statements.append("  T r%d = args.p%d[%s];\n".formatted(load.register(), k, at));
        }
        boolean[] declared = new boolean[loop.registers()];
        loop.loads().forEach(load -> declared[load.register()] = true);
        for (Loop.Instruction instruction : loop.instructions()) {
            String[] operands =
                    instruction.operands().stream().map(r -> "r" + r).toArray(String[]::new);
            int target = instruction.register();
            statements
                    .append(declared[target] ? "  r" : "  T r")
                    .append(target)
                    .append(" = ")
                    .append(instruction.function().code(operands))
                    .append(";\n");
            declared[target] = true;
        }
        for (int k = 0; k < loop.stores().size(); k++) {
            statements.append(
                    "  args.q%d[i] = r%d;\n".formatted(k, loop.stores().get(k).register()));
        }
        code.append("struct @NAME@_args {\n");
        for (int k = 0; k < strides.size(); k++) {
            code.append("  const T* p").append(k).append(";\n");
        }
        for (int k = 0; k < strides.size(); k++) {
            if (loop.loads().get(k).indexBuffer() != Loop.NO_INDEX) {
                code.append("  const int* x").append(k).append(";\n");
            }
        }
        for (int k = 0; k < loop.stores().size(); k++) {
            code.append("  T* q").append(k).append(";\n");
        }
        code.append("  long long n;\n");
        symbolic.values()
                .forEach(name -> code.append("  long long ").append(name).append(";\n"));
        code.append("};\nIOLAUS_KERNEL(@NAME@, @NAME@_args) {\n");
        code.append("  const unsigned i = (unsigned) IOLAUS_GLOBAL_INDEX;\n  if (i >= args.n) return;\n");
        code.append(statements).append("}\n");
        return code.toString();
    }

    private static boolean isZero(Dim dim) {
        return dim.factor() == 0;
    }

    private String text(Dim dim) {
        return dim.isConstant()
                ? dim.factor() + "u"
                : "(unsigned) args." + symbolic.computeIfAbsent(dim, key -> "s" + symbolic.size());
    }
}
