package org.iolaus.model;

import java.util.ArrayList;
import java.util.List;
import org.iolaus.ir.Node;
import org.iolaus.op.Expr;
import org.iolaus.tensor.Shape;

/// What training minimises: this rank's share, so that the sum over ranks is the loss.
///
/// @param loss (): weighted sum of the tasks
/// @param tasks (T): loss of each task, without its weight
record Objective(Node loss, Node tasks) {

    /// Terms of weight 0 do not count.
    ///
    /// @param losses share of each term
    static Objective of(List<LossTerm> terms, List<Node> losses) {
        List<Node> tasks = new ArrayList<>();
        Node total = Expr.constant(0);
        for (int i = 0; i < losses.size(); i++) {
            tasks.add(Expr.reshape(losses.get(i), Shape.of(1)));
            double weight = terms.get(i).weight();
            if (weight != 0) {
                total = Expr.add(total, Expr.scale(losses.get(i), weight));
            }
        }
        return new Objective(total, Expr.concat(0, tasks));
    }
}
