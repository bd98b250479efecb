import Primitives
import Testing

@testable import VRRP

@Suite("The effective priority")
struct EffectivePriorityTests {
    struct Row: CustomTestStringConvertible, Sendable {
        var base: UInt8 = 100
        var weights: [Int]
        var reversed = false
        var outcomes: [TrackOutcome]
        var standing: Standing = .full
        var value: UInt8
        var text: String
        var testDescription: String { text }
    }

    @Test(
        "keepalived's arithmetic",
        arguments: [
            Row(weights: [], outcomes: [], value: 100, text: "100"),
            Row(weights: [2], outcomes: [.unknown], value: 100, text: "100"),
            Row(weights: [2], outcomes: [.succeeded], value: 102, text: "100 + 2 (chk0) = 102"),
            Row(weights: [2], outcomes: [.failed], value: 100, text: "100"),
            Row(weights: [-2], outcomes: [.unknown], value: 100, text: "100"),
            Row(weights: [-2], outcomes: [.succeeded], value: 100, text: "100"),
            Row(weights: [-2], outcomes: [.failed], value: 98, text: "100 - 2 (chk0) = 98"),
            Row(
                weights: [20, -5],
                outcomes: [.succeeded, .failed],
                value: 115,
                text: "100 + 20 (chk0) - 5 (chk1) = 115"
            ),
            Row(
                weights: [253],
                outcomes: [.succeeded],
                value: 254,
                text: "100 + 253 (chk0) = 254"
            ),
            Row(
                weights: [-253],
                outcomes: [.failed],
                value: 1,
                text: "100 - 253 (chk0) = 1"
            ),
            Row(weights: [0], outcomes: [.failed], value: 100, text: "100"),
            Row(
                weights: [2],
                reversed: true,
                outcomes: [.succeeded],
                value: 98,
                text: "100 - 2 (chk0) = 98"
            ),
            Row(
                weights: [-2],
                reversed: true,
                outcomes: [.failed],
                value: 102,
                text: "100 + 2 (chk0) = 102"
            ),
            Row(base: 255, weights: [-20], outcomes: [.failed], value: 255, text: "255"),
            Row(
                weights: [2],
                outcomes: [.succeeded],
                standing: .lastResort,
                value: 1,
                text: "1 (last resort; configured 100)"
            ),
            Row(
                base: 255,
                weights: [],
                outcomes: [],
                standing: .lastResort,
                value: 1,
                text: "1 (last resort; configured 255)"
            ),
        ]
    )
    func arithmetic(row: Row) {
        let tracks = row.weights.enumerated().map { index, weight in
            Track(subject: .script("chk\(index)"), weight: weight, reversed: row.reversed)
        }
        let outcomes = zip(tracks, row.outcomes).map { ($0.subject, $1) }
        let priority = EffectivePriority(
            base: row.base,
            standing: row.standing,
            tracks: tracks,
            outcomes: Dictionary(uniqueKeysWithValues: outcomes)
        )
        #expect(priority.value == row.value)
        #expect(priority.description == row.text)
    }
}
