import SampleLogic
import SwiftUI
import VisionKit

/// The camera, until it sees what may be a ticket. A simulator has none: paste the link there.
struct TicketScanner: UIViewControllerRepresentable {
    let found: (String) -> Void

    static var isPossible: Bool { DataScannerViewController.isSupported && DataScannerViewController.isAvailable }

    func makeCoordinator() -> Coordinator { Coordinator(found: found) }

    func makeUIViewController(context: Context) -> DataScannerViewController {
        let scanner = DataScannerViewController(recognizedDataTypes: [.barcode(symbologies: [.qr])], isHighlightingEnabled: true)
        scanner.delegate = context.coordinator
        return scanner
    }

    func updateUIViewController(_ scanner: DataScannerViewController, context: Context) { try? scanner.startScanning() }

    @MainActor
    final class Coordinator: DataScannerViewControllerDelegate {
        private var found: ((String) -> Void)?

        init(found: @escaping (String) -> Void) { self.found = found }

        func dataScanner(_ scanner: DataScannerViewController, didAdd added: [RecognizedItem], allItems: [RecognizedItem]) {
            for case .barcode(let code) in added {
                guard let text = code.payloadStringValue, EnrolmentModel.mayBeTicket(text), let found else { continue }
                self.found = nil // a ticket serves once
                scanner.stopScanning()
                found(text)
            }
        }
    }
}
