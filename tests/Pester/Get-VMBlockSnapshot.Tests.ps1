BeforeAll {
    Import-Module $PSScriptRoot/Support.psm1 -Force
    Import-ModuleUnderTest
    $place = New-Place
}

AfterAll { Remove-Place $place }

Describe 'Get-VMBlockSnapshot' -Skip:(-not (Get-Command qemu-system-x86_64 -ErrorAction Ignore)) {
    BeforeAll {
        New-Machine $place -Started | Out-Null
        New-Machine $place other -Started | Out-Null
        New-VMBlockSnapshot web1 tonight -ScratchLimit 10GB | Out-Null
        New-VMBlockSnapshot web1 'second one' -Lease 1:00:00 | Out-Null
    }

    It 'lists them by name, of several machines' {
        (Get-VMBlockSnapshot web1).Name | Should -Be 'second one', tonight
        (Get-VMDomain | Get-VMBlockSnapshot).VM | Should -Be web1, web1
        Get-VMBlockSnapshot other | Should -BeNullOrEmpty
    }

    It 'takes names and patterns, and tells one that means nothing' {
        (Get-VMBlockSnapshot web1 t*).Name | Should -Be tonight
        (Get-VMBlockSnapshot web1 nosuch*) | Should -BeNullOrEmpty
        $found = Get-VMBlockSnapshot web1 tonigt, 'second one' -ErrorAction SilentlyContinue -ErrorVariable failures
        $found.Name | Should -Be 'second one'
        $failures[0].FullyQualifiedErrorId | Should -BeLike 'BlockSnapshotNotFound,*'
        $failures[0].ErrorDetails.RecommendedAction | Should -Match 'tonight'
    }

    It 'filters by its values' {
        (Get-VMBlockSnapshot web1 | Where-Object Expires).Name | Should -Be 'second one'
        (Get-VMBlockSnapshot web1 | Where-Object State -EQ Ready).Count | Should -Be 2
    }

    It 'becomes JSON without the texts of the view' {
        $json = Get-VMBlockSnapshot web1 tonight | ConvertTo-Json -Depth 4 -EnumsAsStrings | ConvertFrom-Json
        $json.State, $json.Disks[0].Method, $json.Disks[0].ScratchLimit | Should -Be Ready, copy-before-write, 10GB
        $json.PSObject.Properties.Name | Should -Not -Contain ScratchText
    }

    It 'gives documents with -AsXml' {
        $xml = Get-VMBlockSnapshot web1 -AsXml
        $xml.Count | Should -Be 2
        ([xml]$xml[1]).domainblocksnapshot.name | Should -Be tonight
        $xml -join '' | Should -Not -Match momenttools
    }

    It 'shows a table of 80 columns by machine, with bytes that can be read' {
        $view = Get-View (Get-VMBlockSnapshot web1)
        $view[0] | Should -BeExactly '   VM: web1'
        $view[-1] | Should -Match '^tonight +\S+ \S+ Ready +vda +\d+ KiB of 10 GiB Machine$'
        $view | Where-Object Length -GT 80 | Should -BeNullOrEmpty
        Get-View (Get-VMBlockSnapshot web1 tonight).Disks | Select-Object -Last 1 | Should -Match '^vda +Ready +64 MiB +\d+ KiB of 10 GiB copy-before-write /'
        Get-View (Get-VMBlockSnapshot web1 tonight) -Format { $input | Format-List | Out-String } | Should -Contain 'Checkpoint :'
    }

    It 'shows the sum of scratch files, and a limit where each has one' {
        function Show([MomentTools.VMBlockSnapshotDisk[]] $Disks) { (Get-View ([MomentTools.VMBlockSnapshot]@{ VM = 'x'; Name = 'n'; Created = [DateTimeOffset]::Now; Disks = $Disks }))[-1] }
        $small = [MomentTools.VMBlockSnapshotDisk]@{ Name = 'vda'; Size = 1; Method = 'copy-before-write'; ScratchPath = '/a'; ScratchBytes = 1MB; ScratchLimit = 1GB }
        $large = [MomentTools.VMBlockSnapshotDisk]@{ Name = 'vdb'; Size = 1; Method = 'copy-before-write'; ScratchPath = '/b'; ScratchBytes = 2MB; ScratchLimit = 2GB }
        $free = [MomentTools.VMBlockSnapshotDisk]@{ Name = 'vdc'; Size = 1; Method = 'copy-before-write'; ScratchPath = '/c'; ScratchBytes = 4MB }
        $image = [MomentTools.VMBlockSnapshotDisk]@{ Name = 'vdd'; Size = 1; Method = 'image' }
        Show $small, $large | Should -Match ' 3 MiB of 3 GiB '
        Show $small, $free, $image | Should -Match ' 5 MiB Machine$'
        Show $image | Should -Match 'vdd +Machine$'
    }

    It 'completes names, of the machine that is named' {
        (TabExpansion2 'Get-VMBlockSnapshot web1 ').CompletionMatches.CompletionText | Should -Be "'second one'", tonight
        (TabExpansion2 'Get-VMBlockSnapshot web1 t').CompletionMatches.ToolTip | Should -Match 'block snapshot of web1'
        (TabExpansion2 'Get-VMBlockSnapshot other t').CompletionMatches.CompletionText | Should -Not -Contain tonight
    }

    It 'names a record that cannot be read, and lists the others' {
        $records = (Get-ChildItem "$place/home" -Recurse -Filter tonight.xml).Directory.FullName
        Copy-Item $records/tonight.xml $records/copy.xml
        Set-Content $records/broken.xml '<domainblocksnapshot>'
        $found = Get-VMBlockSnapshot web1 -ErrorAction SilentlyContinue -ErrorVariable failures
        $found.Name | Should -Be 'second one', tonight
        $failures.Count | Should -Be 2
        $failures.FullyQualifiedErrorId | Select-Object -Unique | Should -BeLike 'ServiceRecordInvalid,*'
        "$($failures[0]) $($failures[1])" | Should -Match 'broken.xml.*copy.xml'
        Remove-Item $records/copy.xml, $records/broken.xml
    }

    It 'says Gone when the machine has ended, and clears nothing' {
        $scratch = (Get-VMBlockSnapshot web1 tonight).Disks.ScratchPath
        Stop-Process -Id (Get-VMDomain web1).ProcessId -Force
        while ((Get-VMDomain web1).State -ne 'Stopped') { Start-Sleep -Milliseconds 50 }
        (Get-VMBlockSnapshot web1).State | Select-Object -Unique | Should -Be Gone
        (Get-VMBlockSnapshot web1 tonight).Reason | Should -Not -BeNullOrEmpty
        Get-View (Get-VMBlockSnapshot web1 tonight) | Select-Object -Last 1 | Should -Match 'Gone'
        $scratch | Should -Exist
    }
}
