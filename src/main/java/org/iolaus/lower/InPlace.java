package org.iolaus.lower;

import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.IntStream;
import org.iolaus.kernel.Loop;
import org.iolaus.lower.Schedule.Buffer;
import org.iolaus.lower.Schedule.Fused;
import org.iolaus.lower.Schedule.Step;
import org.iolaus.lower.Schedule.Storage;
import org.iolaus.tensor.Dim;
import org.iolaus.tensor.Shape;

/// Which outputs may be computed where parameters stand. An output with the name of a parameter is the parameter's next
/// value: it takes the parameter's memory, without a copy if nothing reads the old value once the new one is written.
public final class InPlace {
    private InPlace() {}

    /// For the buffer of each output that may be computed in a parameter's memory the parameter's buffer.
    public static Map<Integer, Integer> of(Schedule schedule) {
        Map<String, Integer> parameters = new HashMap<>();
        for (Buffer buffer : schedule.buffers()) {
            if (buffer.storage() == Storage.PARAMETER) {
                parameters.put(buffer.label(), buffer.number());
            }
        }
        Map<Integer, Integer> inPlace = new HashMap<>();
        schedule.outputs().forEach((name, output) -> {
            Integer parameter = parameters.get(name);
            if (parameter != null && isPossible(schedule, schedule.buffers().get(output), parameter)) {
                inPlace.put(output, parameter);
            }
        });
        return inPlace;
    }

    private static boolean isPossible(Schedule schedule, Buffer output, int parameter) {
        boolean single = schedule.outputs().values().stream()
                        .filter(number -> number == output.number())
                        .count()
                == 1;
        if (output.storage() != Storage.ARENA || output.birth() != output.complete() || !single) {
            return false;
        }
        for (int at = output.birth(); at < schedule.steps().size(); at++) {
            Step step = schedule.steps().get(at);
            boolean writes = at == output.birth();
            if (Schedule.reads(step).contains(parameter)
                    && !(writes && step instanceof Fused fused && isElementwise(fused, output.number(), parameter))) {
                return false;
            }
        }
        return true;
    }

    /// Whether each element is read only by the thread that writes it, before it does.
    private static boolean isElementwise(Fused step, int output, int parameter) {
        for (Loop loop : step.loops()) {
            if (!isElementwise(loop.body(), loop.iteration(), output, parameter)
                    || !isElementwise(loop.after(), loop.results(), output, parameter)) {
                return false;
            }
        }
        return true;
    }

    private static boolean isElementwise(Loop.Block block, Shape shape, int output, int parameter) {
        return block.loads().stream()
                .filter(load -> load.buffer() == parameter)
                .allMatch(load -> load.indexBuffer() == Loop.NO_INDEX
                        && block.stores().stream()
                                .anyMatch(store -> store.buffer() == output
                                        && covers(shape, store.strides())
                                        && store.strides().equals(load.strides())
                                        && store.offsets().equals(load.offsets())));
    }

    /// Whether each element of the shape has one of its own.
    private static boolean covers(Shape shape, List<Dim> strides) {
        return IntStream.range(0, shape.rank())
                .allMatch(axis -> shape.dim(axis).isOne() || strides.get(axis).factor() > 0);
    }
}
