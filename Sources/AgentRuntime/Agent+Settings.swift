import LinuxIO
import Logging
import Netlink
import Primitives
import VRRP

/// Settings of interfaces that a virtual router asks for, and their return.
extension Agent {
    /// `promote_secondaries`: without it the kernel removes every other address of a network with its first one.
    func promoteSecondaries(for settings: RouterSettings) {
        guard settings.promotesSecondaries else { return }
        let names = Set(settings.heldAddresses.map { $0.interfaceName(of: settings) })
        for name in names.sorted() {
            guard let interface = view.interface(named: name) else { continue }
            do throws(SystemCallError) {
                let setting = InterfaceSetting.promotesSecondaries
                guard try setting.current(on: name) != setting.value else { continue }
                try keeper.apply(setting, to: interface)
                promoted.insert(name)
                line(
                    .info,
                    "(\(settings.name)) promote_secondaries is set on \(name)",
                    of: settings.name
                )
            } catch {
                line(
                    .warning,
                    "(\(settings.name)) promote_secondaries: \(error)",
                    of: settings.name
                )
            }
        }
    }

    /// As it was before this agent.
    func restoreSettings() {
        var setting = InterfaceSetting.promotesSecondaries
        setting.value = 0
        for name in promoted.sorted() {
            guard let interface = view.interface(named: name) else { continue }
            do throws(SystemCallError) {
                try keeper.apply(setting, to: interface)
            } catch {
                log.warning("promote_secondaries of \(name) stays set: \(error)")
            }
        }
        promoted = []
    }
}
