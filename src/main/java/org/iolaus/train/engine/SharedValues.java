package org.iolaus.train.engine;

import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Objects;
import org.iolaus.ir.Program;
import org.iolaus.model.Model;

/// What a training program yields besides gradients, all of it summed over ranks.
///
/// @param tasks number of losses by task
/// @param buffers the buffers that a step sets, and their sizes
record SharedValues(int tasks, Map<String, Integer> buffers) {

    static SharedValues of(Program program, ModelState state) {
        Map<String, Integer> buffers = new LinkedHashMap<>();
        program.outputs().keySet().stream()
                .filter(name -> name.startsWith(Model.BUFFER_AFTER))
                .map(name -> name.substring(Model.BUFFER_AFTER.length()))
                .forEach(name -> buffers.put(name, state.find(name).volume()));
        int tasks = Objects.requireNonNull(program.outputs().get(Model.TASK_LOSSES))
                .shape()
                .volume()
                .intValue();
        return new SharedValues(tasks, buffers);
    }
}
