import Primitives

/// The address guard's part: a process of its own that takes the addresses away when the agent's loop is silent.
extension RouterSettings {
    /// Whether the addresses' lifetime is no help. The kernel counts it in whole seconds, and a peer takes over after
    /// so many silent advertisements: a lifetime that is not shorter leaves an address on a node that hangs.
    ///
    /// Addresses without a lifetime (`vip_lease 0`) are guarded below one second alone, as is a router whose peers wait
    /// for one advertisement: the guard would have to act between the next one and their skew time.
    package var needsGuard: Bool {
        advertisementInterval < .seconds(1)
            || (downTimerAdvertisements > 1 && isLifetimeTooLong)
    }

    /// Whether an address could outlive a peer's patience on a node that has ended.
    package var isLifetimeTooLong: Bool {
        addressLifetime > .zero
            && addressLifetime >= advertisementInterval * downTimerAdvertisements
    }

    /// How long after the last advertisement the guard acts: half an interval before the silence that a peer waits
    /// for, and after the next advertisement.
    package var guardPatience: Duration {
        let halves = min(max(2 * downTimerAdvertisements - 1, 3), 5)
        return advertisementInterval * halves / 2
    }
}
