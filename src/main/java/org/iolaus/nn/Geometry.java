package org.iolaus.nn;

import java.util.HashMap;
import java.util.Map;
import java.util.function.Function;
import org.iolaus.ir.Node;
import org.iolaus.op.Expr;

/// Vectors and lengths of the edges for one set of positions, and what layers derive from them.
public final class Geometry {
    private final Node vector;
    private final Node length;
    private final Map<Object, Node> derived = new HashMap<>();

    Geometry(Graph graph, Node positions) {
        Node sent = Expr.gather(positions, graph.source());
        Node received = Expr.gather(positions, graph.target());
        vector = Expr.sub(Expr.add(sent, graph.shift()), received);
        length = Expr.sqrt(Expr.sum(Expr.square(vector), 1));
    }

    /// (E, 3): `pos[source] + shift - pos[target]`, Å
    public Node vector() {
        return vector;
    }

    /// (E, 1): Å; edges of length 0 have no derivative and must not occur
    public Node length() {
        return length;
    }

    /// The result of `rule` for this geometry, computed once for all callers with an equal key.
    public Node derived(Object key, Function<Geometry, Node> rule) {
        Node known = derived.get(key);
        if (known == null) {
            known = rule.apply(this);
            derived.put(key, known);
        }
        return known;
    }
}
