BeforeAll {
    Import-Module $PSScriptRoot/Support.psm1 -Force
    Import-Module $PSScriptRoot/Serving.psm1 -Force
    Import-ModuleUnderTest
    $place = New-Place
}

AfterAll { Remove-Place $place }

Describe 'Get-VMBlockExport' -Skip:(-not (Get-Command nbdcopy, qemu-system-x86_64 -ErrorAction Ignore)) {
    BeforeAll {
        New-Machine $place | Out-Null
        Start-VMDomain web1 -Paused | Out-Null
        New-Machine $place 'my web' | Out-Null
        Start-VMBlockExport web1 | Out-Null
        $tcp = Start-VMBlockExport web1 -Address tcp://127.0.0.1:0 -ExportName 'disk a'
        Start-VMBlockExport 'my web' | Out-Null
    }

    AfterAll { 'web1', 'my web' | Stop-VMBlockExport -Confirm:$false }

    It 'gives those of all machines, as they were given when they were started' {
        Get-VMBlockExport | Should -HaveCount 3
        Get-VMBlockExport web1 | Should -HaveCount 2
        $again = Get-VMBlockExport web1 -ExportName 'disk a'
        'VM', 'Disk', 'ExportName', 'Uri', 'Id', 'ListenAddress', 'Size', 'State' | ForEach-Object { $again.$_ | Should -Be $tcp.$_ -Because $_ }
    }

    It 'takes only what is asked for, and domains from the pipeline' {
        (Get-VMBlockExport web1 -Address $tcp.ListenAddress).ExportName | Should -Be 'disk a'
        (Get-VMBlockExport web1 -ExportName 'disk*').ExportName | Should -Be 'disk a'
        Get-VMBlockExport web1 -Disk vdb | Should -BeNullOrEmpty
        (Get-VMDomain 'my web' | Get-VMBlockExport).VM | Should -Be 'my web'
    }

    It 'counts the clients of each address' {
        $client = Start-SlowClient $tcp.Uri
        try {
            Wait-Until { (Get-VMBlockExport web1 -Address $tcp.ListenAddress).Clients -eq 1 } | Should -BeTrue
            (Get-VMBlockExport web1 -ExportName vda*).Clients | Should -Be 0
        }
        finally { $client.Kill(); $client.WaitForExit() }
        Wait-Until { (Get-VMBlockExport web1 -Address $tcp.ListenAddress).Clients -eq 0 } | Should -BeTrue
    }

    It 'gives a document an address' {
        $documents = Get-VMBlockExport web1 -AsXml
        $documents | Should -HaveCount 2
        ($documents | ForEach-Object { ([xml]$_).domainblockexport.address.type }) | Sort-Object | Should -Be ip, unix
    }

    It 'is told by the disk of the domain, too' {
        (Get-VMDomain web1).Disks[0].Exports | ForEach-Object { "$_" } | Sort-Object | Should -Be ((Get-VMBlockExport web1).Uri | ForEach-Object { "$_" } | Sort-Object)
        (Get-VMDomain 'my web').Disks[0].Exports | Should -HaveCount 1
    }

    It 'shows the Uri as programs take it' {
        $view = Get-View (Get-VMBlockExport web1 -ExportName 'disk a')
        $view -join "`n" | Should -Match ([regex]::Escape("nbd://127.0.0.1:$($tcp.Uri.Port)/disk%20a"))
        "$($tcp.Uri)" | Should -Be "nbd://127.0.0.1:$($tcp.Uri.Port)/disk%20a"
        "$tcp" | Should -Be "$($tcp.Uri)"
        ($tcp | ConvertTo-Json -EnumsAsStrings | ConvertFrom-Json).Uri | Should -Be "$($tcp.Uri)"
        ($tcp | ConvertTo-Json -EnumsAsStrings | ConvertFrom-Json).State | Should -Be Ready
        /bin/echo $tcp.Uri | Should -Be "$($tcp.Uri)"
        nbdinfo --size $tcp.Uri | Should -Be 64MB
    }

    It 'completes names and addresses' {
        (TabExpansion2 'Get-VMBlockExport web1 -ExportName d').CompletionMatches.CompletionText | Should -Be "'disk a'"
        (TabExpansion2 'Stop-VMBlockExport web1 -Address tcp').CompletionMatches.CompletionText | Should -Be $tcp.ListenAddress
    }
}
