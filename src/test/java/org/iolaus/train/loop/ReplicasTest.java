package org.iolaus.train.loop;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import java.util.Map;
import org.iolaus.comm.LocalComm;
import org.iolaus.nn.Linear;
import org.iolaus.nn.Parameters;
import org.iolaus.tensor.HostView;
import org.iolaus.train.TrainingException;
import org.iolaus.train.checkpoint.Checkpoint;
import org.iolaus.train.engine.ModelState;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/// Models of ranks that are the same, and that are not.
class ReplicasTest {

    @Test
    void equalModelsPass() {
        LocalComm.run(3, comm -> Replicas.requireEqual(comm, values(model(), 0), "epoch 7"));
    }

    @ParameterizedTest
    @ValueSource(strings = {"trained", "optimizer"})
    void oneBitIsNoticed(String what) {
        var thrown = assertThrows(
                TrainingException.class,
                () -> LocalComm.run(3, comm -> {
                    ModelState model = model();
                    boolean odd = comm.rank() == 1;
                    if (odd && what.equals("trained")) {
                        HostView weight = model.find("weight");
                        weight.set(9000, Math.nextUp(weight.get(9000)));
                    }
                    double moment = odd && what.equals("optimizer") ? Double.MIN_VALUE : 0;
                    Replicas.requireEqual(comm, values(model, moment), "epoch 7");
                }));
        String want = "epoch 7: want the same bits in the models of all ranks, got others than rank 0's on ranks 1";
        assertEquals(want, thrown.getMessage());
    }

    private static ModelState model() {
        Parameters parameters = new Parameters();
        Linear.of(parameters.root(), 100, 100);
        return new ModelState(parameters, 5);
    }

    private static Checkpoint.Values values(ModelState model, double moment) {
        Map<String, double[]> slots = Map.of("moment", new double[] {1, moment});
        return new Checkpoint.Values(model.snapshot(), new Checkpoint.OptimizerState("Adam", 1, slots));
    }
}
