import Primitives
import Testing

@Suite struct InstantTests {
    @Test("Arithmetic ends at the clock's ends instead of trapping")
    func saturation() {
        let late = Instant(nanoseconds: .max - 5)
        #expect(late + .nanoseconds(5) == .distantFuture)
        #expect(late + .nanoseconds(6) == .distantFuture)
        #expect(late + .seconds(Int64.max) == .distantFuture)
        #expect(Instant.zero + .nanoseconds(-1) == .zero)
        #expect(Instant(nanoseconds: 10) + .nanoseconds(-3) == Instant(nanoseconds: 7))
        #expect(Instant(nanoseconds: 10) + .seconds(Int64.min) == .zero)
        #expect(Instant.distantFuture - .zero == .nanoseconds(Int64.max))
        #expect(Instant.zero - .distantFuture == .nanoseconds(-Int64.max))
    }

    @Test("The distance between two instants is what must be added to the earlier")
    func distance() {
        let earlier = Instant(nanoseconds: 1_000_000)
        let later = earlier + .milliseconds(250)
        #expect(later - earlier == .milliseconds(250))
        #expect(earlier - later == .milliseconds(-250))
        #expect(earlier < later && !(later < earlier))
    }

    @Test(
        "A duration's whole nanoseconds saturate",
        arguments: [
            (.zero, 0), (.nanoseconds(-1), -1), (.milliseconds(3600), 3_600_000_000),
            (.seconds(Int64.max), .max), (.seconds(Int64.min), .min),
            (.seconds(9_223_372_036) + .nanoseconds(999_999_999), .max),
            (.seconds(-9_223_372_036) - .nanoseconds(999_999_999), .min),
        ] as [(Duration, Int64)]
    )
    func nanoseconds(duration: Duration, expected: Int64) {
        #expect(duration.nanoseconds == expected)
    }

    @Test("Milliseconds are cut towards zero, seconds keep their fraction")
    func units() {
        #expect(Duration.microseconds(1999).milliseconds == 1)
        #expect(Duration.microseconds(-1999).milliseconds == -1)
        #expect(Duration.milliseconds(3602).inSeconds == 3.602)
    }
}
