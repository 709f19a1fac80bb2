package org.iolaus.attention.equiformer;

import org.iolaus.nn.Scope;

/// Names of what the paper's code has for one resolution only.
final class Names {

    private Names() {}

    /// The place of a resolution's own weights: that of the paper's code for the first, below it for others.
    static Scope resolution(Scope scope, int i) {
        return i == 0 ? scope : scope.at("resolution_" + i);
    }
}
