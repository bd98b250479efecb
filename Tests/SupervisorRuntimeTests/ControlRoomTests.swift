import Primitives
import Testing

@testable import SupervisorRuntime

@Suite("Places at the control socket")
struct ControlRoomTests {
    private func guests(
        _ count: Int,
        isRoot: Bool,
        isIdle: Bool,
        from first: UInt64 = 1
    ) -> [ControlRoom.Guest] {
        (0..<UInt64(count)).map { number in
            ControlRoom.Guest(
                token: first + number,
                isRoot: isRoot,
                // The last to come is the first that went idle.
                idleSince: isIdle ? Instant(nanoseconds: 1000 - number) : nil
            )
        }
    }

    @Test("Others never take all places: root finds one, and they do not")
    func reserved() {
        let busy = guests(28, isRoot: false, isIdle: false)
        #expect(ControlRoom.verdict(forRoot: false, among: busy) == .full)
        #expect(ControlRoom.verdict(forRoot: true, among: busy) == .thereIsRoom)
        #expect(ControlRoom.verdict(forRoot: false, among: busy.dropLast()) == .thereIsRoom)
    }

    @Test("Who is idle longest goes, and nobody of root's for one of the others")
    func idlest() {
        let idle = guests(28, isRoot: false, isIdle: true)
        #expect(ControlRoom.verdict(forRoot: false, among: idle) == .sendAway(28))
        let root = guests(4, isRoot: true, isIdle: true, from: 101)
        #expect(ControlRoom.verdict(forRoot: true, among: idle + root) == .sendAway(28))
        let busy = guests(28, isRoot: false, isIdle: false)
        #expect(ControlRoom.verdict(forRoot: true, among: busy + root) == .sendAway(104))
        #expect(ControlRoom.verdict(forRoot: false, among: busy + root) == .full)
        let busyRoot = guests(30, isRoot: true, isIdle: false, from: 101)
        let two = guests(2, isRoot: false, isIdle: true)
        #expect(ControlRoom.verdict(forRoot: false, among: busyRoot + two) == .sendAway(2))
        #expect(
            ControlRoom.verdict(forRoot: true, among: guests(32, isRoot: true, isIdle: false))
                == .full
        )
    }
}
