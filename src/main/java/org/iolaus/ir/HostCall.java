package org.iolaus.ir;

import java.util.List;
import org.iolaus.tensor.HostView;
import org.iolaus.tensor.Index;
import org.iolaus.tensor.ShapeException;
import org.jspecify.annotations.Nullable;

/// The arguments of one run of an operation on the host.
///
/// @param out where the result goes; holds arbitrary values before
/// @param arguments one per input: numbers or an index
public record HostCall(HostView out, List<Argument> arguments) {

    /// An input: exactly one of the two is present.
    public record Argument(
            @Nullable HostView view, @Nullable Index index) {
        public static Argument of(HostView view) {
            return new Argument(view, null);
        }

        public static Argument of(Index index) {
            return new Argument(null, index);
        }
    }

    public HostView in(int i) {
        HostView view = arguments.get(i).view();
        if (view == null) {
            throw new ShapeException("argument " + i + ": want numbers, got an index");
        }
        return view;
    }

    public Index index(int i) {
        Index index = arguments.get(i).index();
        if (index == null) {
            throw new ShapeException("argument " + i + ": want an index, got numbers");
        }
        return index;
    }
}
