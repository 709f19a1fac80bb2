package org.iolaus.attention.equiformer;

import org.iolaus.nn.Scope;

/// Names of parameters of further resolutions; the paper's code has one resolution only.
final class Names {

    private Names() {}

    /// The place of a resolution's weights: for the first one as in the paper's code, for others below it.
    static Scope resolution(Scope scope, int i) {
        return i == 0 ? scope : scope.at("resolution_" + i);
    }
}
