# Colour is a matter of the real pwsh; what fits, and what is in JSON and CSV, is in tests/Unit/Hosting.
BeforeAll {
    Import-Module $PSScriptRoot/Support.psm1 -Force
    Import-ModuleUnderTest
    $place = New-Place
}

AfterAll { Remove-Place $place }

Describe 'Views in colour' -Skip:(-not (Test-Path /usr/bin/qemu-img) -or -not (Get-Command qemu-storage-daemon -ErrorAction Ignore)) {
    BeforeAll {
        New-Machine $place | Out-Null
        New-VMCheckpoint web1 lost | Out-Null
        # What was written since is known to nobody now.
        qemu-img bitmap --remove -f qcow2 $place/web1.qcow2 lost
        $escape = [string][char]27
        $module = Get-ManifestPath
        function Invoke-Prompt([string] $Command) { (pwsh -NoProfile -NonInteractive -Command "Import-Module '$module'; $Command") -join "`n" }
    }

    It 'colours what is wrong where colour is on' {
        Invoke-Prompt "`$PSStyle.OutputRendering = 'Ansi'; Get-VMCheckpoint web1 | Out-String" | Should -Match "$escape\[[\d;]+m! no bitmap"
    }

    It 'colours nothing in plain text' {
        $text = Invoke-Prompt "`$PSStyle.OutputRendering = 'PlainText'; Get-VMCheckpoint web1 | Out-String"
        $text | Should -Match '! no bitmap'
        $text | Should -Not -Match $escape
    }

    It 'colours nothing where NO_COLOR is set' {
        $env:NO_COLOR = '1'
        try { $text = Invoke-Prompt 'Get-VMCheckpoint web1 | Out-String' }
        finally { Remove-Item Env:NO_COLOR }
        $text | Should -Match '! no bitmap'
        $text | Should -Not -Match $escape
    }

    It 'colours nothing in a file or in a pipe to a program' {
        Invoke-Prompt "Get-VMCheckpoint web1 > '$place/file.txt'; Get-VMCheckpoint web1 | tee '$place/pipe.txt' | Out-Null"
        foreach ($file in 'file.txt', 'pipe.txt') {
            $text = Get-Content $place/$file -Raw
            $text | Should -Match '! no bitmap'
            $text | Should -Not -Match $escape
        }
    }

    It 'has no colour in the objects, JSON, or CSV' {
        $moment = Get-VMCheckpoint web1
        $moment.Health | Should -Not -Match $escape
        $moment | ConvertTo-Json -Depth 5 | Should -Not -Match '\\u001b'
        ($moment | ConvertTo-Csv) -join "`n" | Should -Not -Match $escape
    }

    It 'has in a CSV file what is in its lists' {
        Get-VMDomain web1 | Export-Csv $place/domains.csv
        (Import-Csv $place/domains.csv).Disks | Should -Be vda
    }
}
