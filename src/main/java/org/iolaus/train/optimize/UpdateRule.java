package org.iolaus.train.optimize;

import java.util.List;

/// One optimization algorithm: its settings as components, its state as named slots of one number per parameter, and
/// its step as nodes. Formulas, their order of operations and defaults are PyTorch's where it has the algorithm.
///
/// A rule is one file and one line of [OptimizerType].
public interface UpdateRule {

    /// Names of the state arrays, which are 0 before the first step; checkpoints have them under these names.
    List<String> slots();

    /// Says how parameters and slots change.
    void update(Update step);
}
