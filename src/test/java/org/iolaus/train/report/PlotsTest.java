package org.iolaus.train.report;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.awt.image.BufferedImage;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Random;
import javax.imageio.ImageIO;
import org.iolaus.train.report.Metrics.Quantity;
import org.iolaus.train.report.Plots.Pairs;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class PlotsTest {
    private static final int BLUE = 0x0072b2;

    @TempDir
    Path folder;

    /// Number of pixels of a colour, and whether they go up or down from left to right.
    private record Trace(int pixels, double slope) {
        static Trace of(Path picture, int color) throws IOException {
            BufferedImage image = ImageIO.read(picture.toFile());
            double n = 0;
            double x = 0;
            double y = 0;
            double xx = 0;
            double xy = 0;
            for (int row = 0; row < image.getHeight() * 4 / 5; row++) { // not the labels
                for (int column = image.getWidth() / 6; column < image.getWidth(); column++) {
                    if ((image.getRGB(column, row) & 0xffffff) == color) {
                        n++;
                        x += column;
                        y -= row;
                        xx += (double) column * column;
                        xy -= (double) column * row;
                    }
                }
            }
            return new Trace((int) n, (n * xy - x * y) / (n * xx - x * x));
        }
    }

    @Test
    void learningCurveFallsOnALogarithmicAxis() throws IOException {
        Path csv = Files.writeString(
                folder.resolve("metrics.csv"),
                "epoch,train_loss,validation_loss\n0,1.0,2\n1,0.1,\n2,0.01,0\n3,0.001,NaN\n4,1.0E-4,0.3\n");
        Plots plots = new Plots(folder.resolve("plots"));
        plots.learningCurve(csv, "loss", "loss", List.of("train_loss", "validation_loss", "no_such_column"));
        Trace trace = Trace.of(folder.resolve("plots/loss.png"), BLUE);
        assertTrue(trace.pixels > 500, trace.toString());
        assertTrue(trace.slope < -0.3, "a straight line down: " + trace);
    }

    @Test
    void parityLiesOnTheDiagonal() throws IOException {
        Random random = new Random(3);
        double[] target = random.doubles(300, -2, 5).toArray();
        double[] predicted = target.clone();
        Plots plots = new Plots(folder);
        plots.parity("forces", new Quantity("force components", "eV/Å"), Map.of("test", new Pairs(target, predicted)));
        Trace trace = Trace.of(folder.resolve("forces.png"), 0x404040);
        assertEquals(0.96, trace.slope, 0.05, "the line of agreement: " + trace);
    }

    @Test
    void nothingToDrawOrNoPlaceForItIsNoFailure() throws IOException {
        Path csv = Files.writeString(folder.resolve("metrics.csv"), "epoch,train_loss\n");
        Plots plots = new Plots(folder.resolve("plots"));
        plots.learningCurve(csv, "loss", "loss", List.of("train_loss"));
        plots.parity("energy", new Quantity("energy", "eV"), Map.of());
        plots.learningCurve(folder.resolve("missing.csv"), "loss", "loss", List.of("train_loss"));
        assertFalse(Files.exists(folder.resolve("plots/loss.png")));
        new Plots(csv).parity("x", new Quantity("x", ""), Map.of("a", new Pairs(new double[] {1}, new double[] {1})));
        assertEquals("epoch,train_loss\n", Files.readString(csv));
    }
}
