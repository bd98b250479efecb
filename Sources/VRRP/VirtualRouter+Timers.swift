import Primitives

/// The times that everything else is made of (RFC 3768 §6.1, RFC 9568 §6.1).
extension VirtualRouter {
    /// Active_Adver_Interval: version 3's BACKUP goes by the MASTER's interval, version 2's shares it.
    package var activeInterval: Duration {
        switch settings.version {
        case .v2: settings.advertisementInterval
        case .v3: learnedInterval ?? settings.advertisementInterval
        }
    }

    /// Skew_Time: (256 - priority) / 256 of a second in version 2, of Active_Adver_Interval in version 3.
    package var skewTime: Duration {
        let whole: Int64 =
            switch settings.version {
            case .v2: 1_000_000_000
            case .v3: activeInterval.nanoseconds
            }
        return .nanoseconds((256 - Int64(effectivePriority)) * whole / 256)
    }

    /// Active_Down_Interval, with `down_timer_adverts` in place of the 3.
    package var activeDownInterval: Duration {
        activeInterval * settings.downTimerAdvertisements + skewTime
    }

    /// A MASTER that has not advertised for longer has perhaps been replaced: two intervals, and always less
    /// than a peer of its own priority waits.
    package var silenceLimit: Duration {
        let interval = settings.advertisementInterval
        return min(interval * 2, interval * settings.downTimerAdvertisements + skewTime / 2)
    }

    package var claimPause: Duration { settings.claimPause }

    /// How late the Master_Down_Timer may be read.
    var tolerance: Duration {
        max(activeInterval / 4, Self.leastTolerance)
    }

    /// Below this a word must not wait for claims and renewals, of its own router or of another, which follow an eighth
    /// of an interval behind it.
    static let shortInterval: Duration = .milliseconds(500)
    /// A turn of a loop that has other things to do.
    static let leastTolerance: Duration = .milliseconds(5)
}
