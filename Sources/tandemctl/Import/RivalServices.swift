import Glibc
import LinuxIO
import Primitives

/// A service that would hold the same addresses or ports as Tandem.
struct RivalService: Equatable {
    let unit: String
    let runs: Bool
    let startsAtBoot: Bool

    /// Such as `keepalived.service: runs, and starts at boot`.
    var line: String {
        let facts = [runs ? "runs" : nil, startsAtBoot ? "starts at boot" : nil]
        return "\(unit): " + facts.compactMap(\.self).joined(separator: ", and ")
    }

    /// Those of keepalived and HAProxy that run or would after the next boot. They are only looked at.
    static func all(in places: ImportPlaces) -> [RivalService] {
        ["keepalived.service", "haproxy.service"].compactMap { unit in
            let answer = Program.output(
                places.systemctl,
                ["show", "--property=ActiveState,UnitFileState", unit]
            )
            var properties: [Substring: Substring] = [:]
            for line in (answer ?? "").split(separator: "\n") {
                let parts = line.split(separator: "=", maxSplits: 1)
                if parts.count == 2 { properties[parts[0]] = parts[1] }
            }
            let runs = ["active", "activating", "reloading"].contains(properties["ActiveState"])
            let enabled = properties["UnitFileState"]?.hasPrefix("enabled") == true
            guard runs || enabled else { return nil }
            return RivalService(unit: unit, runs: runs, startsAtBoot: enabled)
        }
    }
}
