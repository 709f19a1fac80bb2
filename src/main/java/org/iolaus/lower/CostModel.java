package org.iolaus.lower;

import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Set;
import org.iolaus.ir.Node;
import org.iolaus.ir.Pointwise;
import org.iolaus.op.Gather;

/// What it costs a loop on a device to compute a value again, in reads of one array element.
///
/// A GPU of today moves a float of memory in the time of some fifty instructions, half of which run while other
/// threads wait for memory anyway; an array that is read
/// through an index or along few axes comes from a cache, whose traffic is hidden behind that of the memory.
final class CostModel {
    static final double READ = 1;
    static final double WRITE = 1;

    private static final double INSTRUCTIONS_PER_READ = 50;
    private static final double GATHERED = 0.1;
    private static final double REPEATED = 0.02;
    private static final int MOST_NODES = 40;

    private final Fusion fusion;

    CostModel(Fusion fusion) {
        this.fusion = fusion;
    }

    /// Computing a value in a group that does not compute it yet.
    double repeating(Node node, LoopGroup group) {
        Recipe recipe = new Recipe();
        recipe.add(node, group);
        return recipe.nodes.size() > MOST_NODES ? Double.POSITIVE_INFINITY : recipe.price(group);
    }

    /// What has to be read and worked out.
    private final class Recipe {
        private final Map<Node, Double> loads = new LinkedHashMap<>();
        private final Set<Node> nodes = new HashSet<>();
        private double work;

        void add(Node node, LoopGroup group) {
            if (!nodes.add(node) || nodes.size() > MOST_NODES) {
                return;
            }
            work += work(node);
            for (Node input : node.inputs()) {
                Node bare = Fusion.strip(input);
                boolean aligned = Fusion.isAligned(node, input);
                if (aligned && group.computes(bare)) {
                    continue;
                }
                if (aligned && bare.op() instanceof Pointwise && !fusion.isInMemory(bare)) {
                    add(bare, group);
                } else {
                    loads.put(bare, isGathered(bare) ? GATHERED : aligned ? READ : REPEATED);
                }
            }
        }

        double price(LoopGroup group) {
            double sum = work;
            for (Map.Entry<Node, Double> load : loads.entrySet()) {
                sum += group.reads(load.getKey()) ? 0 : load.getValue();
            }
            return sum;
        }
    }

    private static boolean isGathered(Node node) {
        Node base = node;
        while (Access.isView(base)) {
            if (base.op() instanceof Gather) {
                return true;
            }
            base = base.input(0);
        }
        return false;
    }

    /// Working out an element whose operands are in registers.
    static double work(Node node) {
        return node.op().instructions(node) / INSTRUCTIONS_PER_READ;
    }
}
