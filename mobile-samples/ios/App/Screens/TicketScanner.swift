import SampleLogic
import SwiftUI
import VisionKit

/// The camera, until it sees what may be a ticket. A simulator has none: paste the link there.
struct TicketScanner: UIViewControllerRepresentable {
    let fits: (String) -> Bool
    let found: (String) -> Void

    static var isPossible: Bool { DataScannerViewController.isSupported && DataScannerViewController.isAvailable }

    func makeCoordinator() -> Coordinator { Coordinator(fits: fits, found: found) }

    func makeUIViewController(context: Context) -> DataScannerViewController {
        let scanner = DataScannerViewController(recognizedDataTypes: [.barcode(symbologies: [.qr])], isHighlightingEnabled: true)
        scanner.delegate = context.coordinator
        return scanner
    }

    func updateUIViewController(_ scanner: DataScannerViewController, context: Context) { try? scanner.startScanning() }

    @MainActor
    final class Coordinator: DataScannerViewControllerDelegate {
        private let fits: (String) -> Bool
        private var found: ((String) -> Void)?

        init(fits: @escaping (String) -> Bool, found: @escaping (String) -> Void) { (self.fits, self.found) = (fits, found) }

        func dataScanner(_ scanner: DataScannerViewController, didAdd added: [RecognizedItem], allItems: [RecognizedItem]) {
            for case .barcode(let code) in added {
                guard let text = code.payloadStringValue, fits(text), let found else { continue }
                self.found = nil // a ticket serves once
                scanner.stopScanning()
                found(text)
            }
        }
    }
}
