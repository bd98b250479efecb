import Primitives

extension Interpreter {
    /// Tandem's own block: what it can't take is an error, as nobody has files that rely on less.
    mutating func readTandem(_ block: Setting) {
        for setting in settings(of: block.children, in: Keywords.tandem, block: "tandem") {
            switch setting.keyword {
            case "proxy_watchdog":
                read(setting, .milliseconds(300)...(.seconds(60)), into: \.proxyWatchdog)
            case "restart_limit":
                if let limit = exactInteger(setting, in: 0...1000) { tandem.restartLimit = limit }
            case "restart_window":
                read(setting, .seconds(1)...(.seconds(86_400)), into: \.restartWindow)
            case "restart_grace":
                read(setting, .milliseconds(50)...(.seconds(600)), into: \.restartGrace)
            case "fatal_retry":
                read(setting, .seconds(1)...(.seconds(86_400)), into: \.fatalRetry)
            case "lease_grace":
                read(setting, .seconds(1)...(.seconds(3600)), into: \.leaseGrace)
            case "vip_lease": readLifetime(setting)
            case "on_takeover": read(setting, into: \.onTakeover)
            case "on_no_servers": read(setting, into: \.onNoServers)
            case "failover_hold":
                read(setting, .zero...(.seconds(3600)), into: \.failoverHold)
            case "track_gateway": gateway = gateway(setting)
            default: reportUnhandled(setting)
            }
        }
    }

    private mutating func read(
        _ setting: Setting,
        _ range: ClosedRange<Duration>,
        into field: WritableKeyPath<TandemSettings, Duration>
    ) {
        guard let value = Number.seconds(setting.value), range.contains(value) else {
            report.error(
                setting.location,
                "'\(setting.keyword) \(setting.value)' is not a time",
                mend: "expected \(range.lowerBound.secondsText) to \(range.upperBound.secondsText) "
                    + "seconds"
            )
            return
        }
        tandem[keyPath: field] = value
    }

    private mutating func read<Choice: RawRepresentable<String> & CaseIterable>(
        _ setting: Setting,
        into field: WritableKeyPath<TandemSettings, Choice>
    ) {
        guard let choice = Choice(rawValue: setting.value) else {
            let choices = Choice.allCases.map(\.rawValue).joined(separator: ", ")
            report.error(
                setting.location,
                "'\(setting.keyword) \(setting.value)' is not known",
                mend: "expected one of \(choices)"
            )
            return
        }
        tandem[keyPath: field] = choice
    }

    private mutating func exactInteger(_ setting: Setting, in range: ClosedRange<Int>) -> Int? {
        if let value = Number.integer(setting.value), range.contains(value) { return value }
        report.error(
            setting.location,
            "'\(setting.keyword) \(setting.value)' is not a whole number in range",
            mend: "expected \(range.lowerBound) to \(range.upperBound)"
        )
        return nil
    }

    /// One second would run out between two renewals, which come once a second.
    private mutating func readLifetime(_ setting: Setting) {
        guard let lifetime = exactInteger(setting, in: 0...3600) else { return }
        if lifetime == 1 {
            report.error(
                setting.location,
                "'vip_lease 1' runs out between two renewals",
                mend: "expected 2 or more, or 0 for addresses without a lifetime"
            )
            return
        }
        tandem.vipLease = .seconds(lifetime)
    }
}
