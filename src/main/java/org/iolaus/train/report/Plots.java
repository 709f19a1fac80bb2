package org.iolaus.train.report;

import java.awt.BasicStroke;
import java.awt.Color;
import java.awt.Font;
import java.io.IOException;
import java.math.BigDecimal;
import java.math.MathContext;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import org.iolaus.train.report.Metrics.Quantity;
import org.jspecify.annotations.Nullable;
import org.knowm.xchart.BitmapEncoder;
import org.knowm.xchart.BitmapEncoder.BitmapFormat;
import org.knowm.xchart.XYChart;
import org.knowm.xchart.XYChartBuilder;
import org.knowm.xchart.XYSeries;
import org.knowm.xchart.XYSeries.XYSeriesRenderStyle;
import org.knowm.xchart.style.Styler.LegendLayout;
import org.knowm.xchart.style.Styler.LegendPosition;
import org.knowm.xchart.style.XYStyler;
import org.knowm.xchart.style.markers.SeriesMarkers;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/// Pictures of a run, PNG files in one folder: learning curves and predictions against true values.
///
/// A picture that cannot be drawn (a machine without fonts, a full disk) costs a warning, never the run.
public final class Plots {
    private static final Logger LOG = LoggerFactory.getLogger(Plots.class);
    private static final int DOTS_PER_INCH = 144;
    private static final int MOST_POINTS = 5000;
    /// Blue, vermilion, green, orange, purple: told apart by colour-blind readers too (Okabe and Ito).
    private static final Color[] COLORS = {
        new Color(0, 114, 178),
        new Color(213, 94, 0),
        new Color(0, 158, 115),
        new Color(230, 159, 0),
        new Color(204, 121, 167)
    };

    /// True values of one quantity and what was predicted for them, number by number.
    @SuppressWarnings("ArrayRecordComponent")
    public record Pairs(double[] target, double[] predicted) {}

    /// One line of a picture.
    ///
    /// @param y values above 0
    /// @param color curves with the same number share one
    /// @param dash likewise: drawn through, dashed, dotted
    public record Curve(List<Double> x, List<Double> y, int color, int dash) {}

    private final Path folder;

    public Plots(Path folder) {
        this.folder = folder;
        System.setProperty("java.awt.headless", "true");
    }

    /// Draws columns of `metrics.csv` over the epochs, on a logarithmic axis. It leaves out numbers that are
    /// not positive.
    ///
    /// @param file name of the picture, without `.png`
    /// @param label what the columns are, with unit
    /// @param columns those that the file lacks are left out
    public void learningCurve(Path metricsCsv, String file, String label, List<String> columns) {
        draw(file, () -> {
            XYChart chart = chart(720, 460, "epoch", label);
            double smallest = Double.POSITIVE_INFINITY;
            double largest = 0;
            List<String[]> rows = Files.readAllLines(metricsCsv).stream()
                    .map(line -> line.split(",", -1))
                    .toList();
            List<String> header = List.of(rows.getFirst());
            for (String column : columns) {
                int c = header.indexOf(column);
                List<Double> x = new ArrayList<>();
                List<Double> y = new ArrayList<>();
                for (String[] row : c < 0 ? List.<String[]>of() : rows.subList(1, rows.size())) {
                    double value = c >= row.length || row[c].isEmpty() ? Double.NaN : Double.parseDouble(row[c]);
                    if (value > 0 && value < Double.POSITIVE_INFINITY) {
                        x.add(Double.valueOf(row[0]));
                        y.add(value);
                        smallest = Math.min(smallest, value);
                        largest = Math.max(largest, value);
                    }
                }
                if (!x.isEmpty()) {
                    chart.addSeries(column.replace('_', ' '), x, y)
                            .setMarker(x.size() == 1 ? SeriesMarkers.CIRCLE : SeriesMarkers.NONE);
                }
            }
            if (largest == 0) {
                return null;
            }
            chart.getStyler().setYAxisLogarithmic(true);
            chart.getStyler().setYAxisMin(Math.pow(10, Math.floor(Math.log10(smallest))));
            chart.getStyler().setYAxisMax(Math.pow(10, Math.floor(Math.log10(largest)) + 1));
            return chart;
        });
    }

    /// Draws predictions against true values with the line on which they would agree; the legend says the mean
    /// absolute error of each split. Of many points an evenly spaced choice is drawn.
    ///
    /// @param file name of the picture, without `.png`
    public void parity(String file, Quantity quantity, Map<String, Pairs> splits) {
        draw(file, () -> {
            String unit = quantity.unit().isEmpty() ? "" : " (" + quantity.unit() + ")";
            XYChart chart = chart(560, 540, "true " + quantity.name() + unit, "predicted " + quantity.name() + unit);
            double low = Double.POSITIVE_INFINITY;
            double high = Double.NEGATIVE_INFINITY;
            for (Map.Entry<String, Pairs> split : splits.entrySet()) {
                double[] target = split.getValue().target;
                double[] predicted = split.getValue().predicted;
                List<Double> x = new ArrayList<>();
                List<Double> y = new ArrayList<>();
                double sum = 0;
                int every = Math.ceilDiv(Math.max(1, target.length), MOST_POINTS);
                for (int i = 0; i < target.length; i++) {
                    sum += Math.abs(predicted[i] - target[i]);
                    if (i % every == 0 && Double.isFinite(target[i]) && Double.isFinite(predicted[i])) {
                        x.add(target[i]);
                        y.add(predicted[i]);
                        low = Math.min(low, Math.min(target[i], predicted[i]));
                        high = Math.max(high, Math.max(target[i], predicted[i]));
                    }
                }
                if (!x.isEmpty()) {
                    String name = String.format(
                            Locale.ROOT, "%s: MAE %.3g %s", split.getKey(), sum / target.length, quantity.unit());
                    XYSeries series = chart.addSeries(name.strip(), x, y);
                    series.setXYSeriesRenderStyle(XYSeriesRenderStyle.Scatter);
                    series.setMarker(SeriesMarkers.CIRCLE);
                    Color color = COLORS[(chart.getSeriesMap().size() - 1) % COLORS.length];
                    series.setMarkerColor(new Color(color.getRed(), color.getGreen(), color.getBlue(), 110));
                }
            }
            if (low > high) {
                return null;
            }
            double margin = high > low ? 0.03 * (high - low) : Math.max(1e-3, 1e-3 * Math.abs(high));
            double[] ends = {low - margin, high + margin};
            XYSeries line = chart.addSeries("agreement", ends, ends);
            line.setMarker(SeriesMarkers.NONE);
            line.setLineColor(Color.DARK_GRAY);
            line.setLineStyle(new BasicStroke(1.2f));
            line.setShowInLegend(false);
            XYStyler styler = chart.getStyler();
            styler.setMarkerSize(5);
            styler.setLegendPosition(LegendPosition.InsideNW).setLegendLayout(LegendLayout.Vertical);
            styler.setPlotContentSize(1);
            styler.setxAxisTickLabelsFormattingFunction(Plots::tickLabel);
            styler.setyAxisTickLabelsFormattingFunction(Plots::tickLabel);
            styler.setXAxisMin(ends[0])
                    .setXAxisMax(ends[1])
                    .setYAxisMin(ends[0])
                    .setYAxisMax(ends[1]);
            return chart;
        });
    }

    /// Draws curves over a common axis, the values on a logarithmic one. It leaves out curves of fewer than
    /// two points.
    ///
    /// @param file name of the picture, without `.png`
    /// @param curves by what the legend calls them
    public void curves(String file, String xLabel, String yLabel, Map<String, Curve> curves) {
        float[][] dashes = {null, {6, 4}, {2, 3}};
        draw(file, () -> {
            XYChart chart = chart(720, 520, xLabel, yLabel);
            curves.forEach((name, curve) -> {
                if (curve.x.size() > 1) {
                    XYSeries series = chart.addSeries(name, curve.x, curve.y);
                    series.setLineColor(COLORS[curve.color % COLORS.length]);
                    series.setMarkerColor(COLORS[curve.color % COLORS.length]);
                    series.setMarker(SeriesMarkers.CIRCLE);
                    series.setLineStyle(new BasicStroke(
                            1.6f,
                            BasicStroke.CAP_BUTT,
                            BasicStroke.JOIN_ROUND,
                            1,
                            dashes[curve.dash % dashes.length],
                            0));
                }
            });
            if (chart.getSeriesMap().isEmpty()) {
                return null;
            }
            chart.getStyler().setYAxisLogarithmic(true);
            chart.getStyler().setMarkerSize(5);
            chart.getStyler().setLegendPosition(LegendPosition.OutsideE).setLegendLayout(LegendLayout.Vertical);
            return chart;
        });
    }

    private static XYChart chart(int width, int height, String x, String y) {
        XYChart chart = new XYChartBuilder()
                .width(width)
                .height(height)
                .xAxisTitle(x)
                .yAxisTitle(y)
                .build();
        XYStyler styler = chart.getStyler();
        styler.setChartTitleVisible(false)
                .setChartBackgroundColor(Color.WHITE)
                .setLegendBorderColor(Color.WHITE)
                .setLegendPosition(LegendPosition.OutsideS)
                .setLegendLayout(LegendLayout.Horizontal)
                .setSeriesColors(COLORS);
        styler.setLegendFont(new Font(Font.SANS_SERIF, Font.PLAIN, 12));
        BasicStroke[] strokes = new BasicStroke[COLORS.length];
        Arrays.fill(strokes, new BasicStroke(1.6f, BasicStroke.CAP_ROUND, BasicStroke.JOIN_ROUND));
        styler.setSeriesLines(strokes);
        styler.setAxisTitleFont(new Font(Font.SANS_SERIF, Font.PLAIN, 13));
        styler.setAxisTickLabelsFont(new Font(Font.SANS_SERIF, Font.PLAIN, 11));
        styler.setPlotGridLinesColor(new Color(225, 225, 225));
        styler.setLocale(Locale.ROOT);
        return chart;
    }

    /// No digit groups, no digits beyond what a double of that size tells.
    private static String tickLabel(double value) {
        BigDecimal rounded = new BigDecimal(value, new MathContext(9)).stripTrailingZeros();
        double size = Math.abs(value);
        return value == 0 ? "0" : size > 1e-5 && size < 1e7 ? rounded.toPlainString() : rounded.toString();
    }

    private interface Drawing {
        /// Null when there is nothing to draw.
        @Nullable
        XYChart draw() throws IOException;
    }

    private void draw(String file, Drawing drawing) {
        Path path = folder.resolve(file + ".png");
        try {
            Files.createDirectories(folder);
            XYChart chart = drawing.draw();
            if (chart != null) {
                BitmapEncoder.saveBitmapWithDPI(chart, path.toString(), BitmapFormat.PNG, DOTS_PER_INCH);
            }
        } catch (IOException | RuntimeException | LinkageError | InternalError e) {
            LOG.warn("{} not drawn: {}", path, e.toString());
        }
    }
}
